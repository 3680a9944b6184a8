/** The run as a flame graph: as wide as it took, as deep as it was called. Only what is in sight is painted. */
import { byId, h, setText } from "../../browser/dom";
import { watchTheme } from "../../browser/theme";
import type { Finding, Found } from "../../run/find/find";
import { closerLook, type Frame } from "../../run/time/flame";
import type { Api } from "../../service/api";
import type { RunStore } from "../../store";
import { count, plural } from "../../text/format";
import { idsOf } from "../find/match-marks";
import type { RunShape } from "../run/run-shape";
import { Growth } from "../time/growth";
import type { TimePanel } from "../time/time-panel";
import { FlameFrames } from "./flame-frames";
import { FlameHint, manyLines, spanLines } from "./flame-hint";
import { listenToFlame } from "./flame-input";
import { frameFor } from "./flame-keys";
import { FlameStage } from "./flame-stage";

/** A span that is brought into sight takes at least this share of it. */
const LEAST_SHARE = 1 / 40;

export interface FlameActions {
  readonly api: Pick<Api, "flame">;
  /** The run that is shown. */
  runId(): string;
  select(spanId: string | null): void;
  /** Brings a span that is not here. */
  reach(spanId: string): void;
  now(): number;
}

export class FlameView implements RunShape {
  readonly view = "flame";
  readonly title = "Flame graph";
  readonly icon = "flame";
  readonly element = byId("flame");
  readonly tools: HTMLElement;
  private readonly actions: FlameActions;
  private readonly panel: TimePanel;
  private readonly stage = new FlameStage();
  private readonly hint = new FlameHint();
  private readonly reading = h("p", { class: "flame-reading", role: "status", hidden: true });
  private readonly spoken = h("p", { class: "sr-only", "aria-live": "polite" });
  private readonly frames: FlameFrames;
  private readonly growth: Growth;
  private hits: readonly Found[] = [];
  private marked: ReadonlySet<string> = new Set();
  private store: RunStore | null = null;
  private selected: string | null = null;
  private cursor: string | null = null;
  private hovered: Frame | null = null;
  /** A span that is to be shown as soon as it is here. */
  private wanted: string | null = null;
  /** The service was asked where that span stands. */
  private asked: string | null = null;

  constructor(actions: FlameActions, panel: TimePanel) {
    this.actions = actions;
    this.panel = panel;
    this.tools = panel.tools;
    this.frames = new FlameFrames(panel, {
      api: actions.api,
      now: () => actions.now(),
      changed: () => this.paint(),
    });
    const growing = {
      isGrowing: () => !this.element.hidden && this.store !== null && this.store.running.size > 0,
      grow: () => this.grow(),
    };
    this.growth = new Growth(growing, 0);
    const { scroller, canvas } = this.stage;
    this.element.append(scroller, this.reading, this.hint.element, this.spoken);
    listenToFlame({
      scroller,
      canvas: canvas.element,
      panel,
      width: () => this.stage.width,
      frameAt: (x, y) => this.frameAt(x, y),
      hover: (frame, x, y) => this.hover(frame, x, y),
      choose: (frame, x) => this.choose(frame, this.stage.timeAt(x, panel.time)),
      zoomInto: (frame) => this.zoomInto(frame),
    });
    new ResizeObserver(() => this.resize()).observe(scroller);
    scroller.addEventListener("scroll", () => this.paint(), { passive: true });
    scroller.addEventListener("keydown", (event) => this.onKey(event));
    scroller.addEventListener("focus", () => this.paint());
    scroller.addEventListener("blur", () => this.paint());
    const repaint = () => {
      canvas.forgetColours();
      this.paint();
    };
    watchTheme(repaint);
    new MutationObserver(repaint).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  }

  open(store: RunStore, spanId: string | null): void {
    this.panel.open(store, this);
    this.selected = spanId;
    if (store !== this.store) {
      this.store = store;
      this.cursor = spanId;
      this.frames.open(this.actions.runId(), store);
      this.stage.reset();
    }
    this.wanted = spanId;
    this.asked = null;
    this.resize();
  }

  close(): void {
    this.panel.close(this);
    this.frames.rest();
    this.growth.stop();
    this.hover(null, 0, 0);
  }

  draw(settled: boolean): void {
    const { store } = this;
    if (!store) return;
    this.panel.update(!settled || store.running.size > 0);
    this.panel.draw();
    this.paint();
    if (this.wanted && (store.whole ? this.wanted !== this.asked : this.frames.layout.get(this.wanted))) {
      const id = this.wanted;
      this.wanted = null;
      this.show(id);
    }
    if (store.running.size > 0) this.growth.start();
  }

  retimed(): void {
    this.paint();
  }

  select(spanId: string | null): void {
    this.selected = spanId;
    if (spanId) this.cursor = spanId;
    this.paint();
  }

  /** Brings a span into sight, in time too. */
  show(spanId: string): void {
    const { store } = this;
    if (store?.whole) {
      void this.showInWhole(store, spanId);
      return;
    }
    const frame = this.frames.layout.get(spanId);
    if (frame) this.bring(spanId, frame.row, frame.start, frame.end);
    else this.wanted = spanId;
  }

  /** What a search has found. */
  found(finding: Finding): void {
    if (finding.hits === this.hits) return;
    this.hits = finding.hits;
    this.marked = idsOf(finding.hits);
    this.paint();
  }

  private async showInWhole(store: RunStore, spanId: string): Promise<void> {
    this.wanted = spanId;
    this.asked = spanId;
    this.actions.reach(spanId);
    const place = await this.frames.place(spanId);
    if (this.store !== store || this.wanted !== spanId || !place) return;
    this.wanted = null;
    this.bring(spanId, place.lane, place.start, place.end ?? Number.POSITIVE_INFINITY);
  }

  private bring(spanId: string, row: number, start: number, end: number): void {
    this.cursor = spanId;
    this.stage.showRow(row);
    const { time } = this.panel;
    const { from, to } = time.shown;
    const until = Math.min(end, time.now(this.actions.now()));
    const isNarrow = this.store?.whole && until - start < ((to - from) * 2) / this.stage.width;
    if (end < from || start > to || isNarrow) {
      const half = isNarrow ? Math.max(1, (until - start) / LEAST_SHARE / 2) : (to - from) / 2;
      time.zoomTo(start - half, start + half);
      this.panel.changed();
    } else this.paint();
  }

  focus(): void {
    this.stage.scroller.focus();
  }

  private paint(): void {
    const { store, panel } = this;
    if (!store || this.element.hidden) return;
    this.frames.update(this.stage);
    this.showReading(store.spanCount);
    this.stage.paint({
      layout: this.frames.layout,
      time: panel.time,
      path: panel.criticalPath(),
      selected: this.selected,
      cursor: this.stage.hasFocus ? this.cursor : null,
      hovered: this.hovered,
      nowUs: panel.time.now(this.actions.now()),
      span: (frame) => this.frames.span(frame),
      isFound: (id) => this.marked.has(id),
    });
  }

  /** Says how far the service is with a run that it lays out. */
  private showReading(spans: number): void {
    const { reading } = this.frames;
    this.reading.hidden = reading === null;
    if (reading !== null) {
      const all = plural(Math.max(reading, spans), "span");
      setText(this.reading, `The service is reading the run: ${count(reading)} of ${all}.`);
    }
  }

  /** While spans run their frames grow. */
  private grow(): void {
    this.panel.update(true);
    this.paint();
  }

  private resize(): void {
    if (this.stage.resize()) this.paint();
  }

  private frameAt(clientX: number, clientY: number): Frame | undefined {
    const { time } = this.panel;
    const found = this.stage.frameAt(clientX, clientY, this.frames.layout, time);
    return found && found.start <= time.now(this.actions.now()) ? found : undefined;
  }

  private choose(frame: Frame, around?: number): void {
    if (frame.merged) {
      this.zoomInto(frame, around);
      return;
    }
    if (this.store?.whole) this.actions.reach(frame.id);
    this.actions.select(frame.id);
  }

  private hover(frame: Frame | null, x: number, y: number): void {
    const lines = frame ? this.lines(frame) : [];
    if (lines.length > 0) this.hint.show(lines, x, y, this.element.getBoundingClientRect());
    else this.hint.hide();
    if (frame === this.hovered) return;
    this.hovered = frame;
    this.stage.scroller.toggleAttribute("data-over", frame !== null);
    this.paint();
  }

  private lines(frame: Frame): string[] {
    const nowUs = this.actions.now();
    if (frame.merged) return manyLines(frame, this.panel.time.now(nowUs));
    const span = this.frames.span(frame);
    return span ? spanLines(span, this.panel, nowUs) : [];
  }

  private zoomInto(frame: Frame, around?: number): void {
    const { time } = this.panel;
    const { from, to } = closerLook(
      frame,
      Math.min(frame.end, time.now(this.actions.now())),
      time.shown,
      around,
    );
    time.zoomTo(from, to);
    this.panel.changed();
  }

  private onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.cursor ? this.frames.layout.get(this.cursor) : undefined;
    const next = this.store ? frameFor(event.key, at, this.frames.layout, this.store) : undefined;
    if (next) this.goTo(next);
    else if (event.key === "Enter" && at) {
      if (event.shiftKey) this.zoomInto(at);
      else this.choose(at);
    } else if (event.key === "Escape") this.actions.select(null);
    else if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
  }

  private goTo(frame: Frame): void {
    const { id, row, start, end, merged } = frame;
    // Several are looked at more closely: then one can go on among them.
    if (merged) this.zoomInto(frame);
    this.bring(id, row, start, end);
    setText(this.spoken, this.lines(frame).join(", "));
    if (this.selected && !merged) this.actions.select(id);
  }
}
