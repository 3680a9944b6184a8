/** The run as a flame graph: as wide as it took, as deep as it was called. Only what is in sight is painted. */
import { byId, h, setText } from "../../browser/dom";
import { watchTheme } from "../../browser/theme";
import type { Finding, Found } from "../../run/find/find";
import { Kept } from "../../run/kept";
import { closerLook, FlameLayout, type Frame, flameLayout } from "../../run/time/flame";
import { WholeFlame } from "../../run/time/whole-flame";
import type { Api } from "../../service/api";
import type { SpanState } from "../../service/wire";
import type { RunStore } from "../../store";
import { count, plural } from "../../text/format";
import { idsOf } from "../find/match-marks";
import type { RunShape } from "../run/run-shape";
import type { TimePanel } from "../time/time-panel";
import { FlameHint, manyLines, spanLines } from "./flame-hint";
import { listenToFlame } from "./flame-input";
import { frameFor } from "./flame-keys";
import { FlameStage } from "./flame-stage";

const CALM_MS = 1_000;
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
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");
  private readonly laidOut = new Kept(() => this.layOut());
  /** Of a run that is here in parts. */
  private readonly whole: WholeFlame;
  private layout = new FlameLayout([]);
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
  private frame = 0;
  private paintedAt = Number.NEGATIVE_INFINITY;

  constructor(actions: FlameActions, panel: TimePanel) {
    this.actions = actions;
    this.panel = panel;
    this.tools = panel.tools;
    this.whole = new WholeFlame(actions.api, () => this.paint());
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
      this.laidOut.forget();
      this.whole.open(this.actions.runId(), store);
      this.stage.reset();
    }
    this.wanted = spanId;
    this.asked = null;
    this.resize();
  }

  close(): void {
    this.panel.close(this);
    this.whole.rest();
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.hover(null, 0, 0);
  }

  draw(settled: boolean): void {
    const { store } = this;
    if (!store) return;
    this.panel.update(!settled || store.running.size > 0);
    this.panel.draw();
    this.paint();
    if (this.wanted && (store.whole ? this.wanted !== this.asked : this.layout.get(this.wanted))) {
      const id = this.wanted;
      this.wanted = null;
      this.show(id);
    }
    if (store.running.size > 0 && this.frame === 0) this.frame = requestAnimationFrame((at) => this.grow(at));
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
    const frame = this.layout.get(spanId);
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
    const place = await this.whole.place(spanId);
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

  private paint(): void {
    const { store, panel } = this;
    if (!store || this.element.hidden) return;
    this.layout = store.whole
      ? this.inSight()
      : this.laidOut.get(`${panel.time.adjusts} ${store.epoch}`, store.version);
    this.stage.paint({
      layout: this.layout,
      time: panel.time,
      path: panel.criticalPath(),
      selected: this.selected,
      cursor: this.stage.hasFocus ? this.cursor : null,
      hovered: this.hovered,
      nowUs: panel.time.now(this.actions.now()),
      span: (frame) => this.spanOf(frame),
      isFound: (id) => this.marked.has(id),
    });
  }

  /** Of a run that is here in parts: what has come of what is in sight; the rest is asked for. */
  private inSight(): FlameLayout {
    const { whole, stage, panel } = this;
    const { from, to } = panel.time.shown;
    const { first, count: lanes } = stage.rows;
    whole.see({ from, to, width: stage.width, first, lanes });
    const { reading } = whole;
    this.reading.hidden = reading === null;
    if (reading !== null) {
      const all = Math.max(reading, this.store?.spanCount ?? 0);
      setText(this.reading, `The service is reading the run: ${count(reading)} of ${plural(all, "span")}.`);
    }
    return whole.layout;
  }

  private spanOf(frame: Frame): SpanState | undefined {
    return this.store?.whole ? this.whole.span(frame) : this.store?.spans.get(frame.id);
  }

  /** While spans run their frames grow; with reduced motion once a second. */
  private grow(at: number): void {
    this.frame = 0;
    const { store } = this;
    if (!store || store.running.size === 0 || this.element.hidden) return;
    if (!this.calm.matches || at - this.paintedAt >= CALM_MS) {
      this.paintedAt = at;
      this.panel.update(true);
      this.paint();
    }
    this.frame = requestAnimationFrame((next) => this.grow(next));
  }

  private resize(): void {
    if (this.stage.resize()) this.paint();
  }

  private frameAt(clientX: number, clientY: number): Frame | undefined {
    const { time } = this.panel;
    const found = this.stage.frameAt(clientX, clientY, this.layout, time);
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
    const span = this.spanOf(frame);
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
    const at = this.cursor ? this.layout.get(this.cursor) : undefined;
    const next = this.store ? frameFor(event.key, at, this.layout, this.store) : undefined;
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
