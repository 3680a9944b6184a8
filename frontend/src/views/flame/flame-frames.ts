/** The frames of a run: laid out by the page, or by the service where only parts of the run are here. */
import { Kept } from "../../run/kept";
import { FlameLayout, type Frame, flameLayout } from "../../run/time/flame";
import { WholeFlame } from "../../run/time/whole-flame";
import type { Api } from "../../service/api";
import type { FlamePlace, SpanState } from "../../service/wire";
import type { RunStore } from "../../store";
import type { TimePanel } from "../time/time-panel";
import type { FlameStage } from "./flame-stage";

export interface FlameFramesActions {
  readonly api: Pick<Api, "flame">;
  now(): number;
  /** More has come from the service. */
  changed(): void;
}

export class FlameFrames {
  layout = new FlameLayout([]);
  private readonly panel: TimePanel;
  private readonly actions: FlameFramesActions;
  private readonly laidOut = new Kept(() => this.layOut());
  /** Of a run that is here in parts. */
  private readonly whole: WholeFlame;
  private store: RunStore | null = null;

  constructor(panel: TimePanel, actions: FlameFramesActions) {
    this.panel = panel;
    this.actions = actions;
    this.whole = new WholeFlame(actions.api, () => actions.changed());
  }

  open(runId: string, store: RunStore): void {
    this.store = store;
    this.laidOut.forget();
    this.whole.open(runId, store);
  }

  /** Nothing is in sight any more. */
  rest(): void {
    this.whole.rest();
  }

  /** Brings the layout up to date. Of a run that is here in parts, what is in sight and not here is asked for. */
  update(stage: FlameStage): void {
    const { store, panel, whole } = this;
    if (store?.whole) {
      const { from, to } = panel.time.shown;
      const { first, count: lanes } = stage.rows;
      whole.see({ from, to, width: stage.width, first, lanes, adjusts: panel.time.adjusts });
      this.layout = whole.layout;
    } else if (store) this.layout = this.laidOut.get(`${panel.time.adjusts} ${store.epoch}`, store.version);
  }

  /** Spans that the service has read so far; null where it has read all, or is not asked. */
  get reading(): number | null {
    return this.store?.whole ? this.whole.reading : null;
  }

  span(frame: Frame): SpanState | undefined {
    return this.store?.whole ? this.whole.span(frame) : this.store?.spans.get(frame.id);
  }

  /** Where the service has put a span of a run that is here in parts; null where it cannot say. */
  place(spanId: string): Promise<FlamePlace | null> {
    return this.whole.place(spanId);
  }

  private layOut(): FlameLayout {
    const { store, panel } = this;
    if (!store) return new FlameLayout([]);
    const { time } = panel;
    const nowUs = this.actions.now();
    return flameLayout({
      tree: store.tree,
      spans: store.spans,
      startOf: (span) => time.startOf(span),
      endOf: (span) => time.endOf(span, nowUs),
    });
  }
}
