/** The whole run in a narrow strip, with the part that is shown marked on it: drag to choose one, or to move it. */
import { afterPaint } from "../../browser/after-paint";
import { h, setAttr } from "../../browser/dom";
import {
  BIN_CLASSES,
  type BinClass,
  type BinnedBar,
  binClass,
  binnedBars,
} from "../../run/time/minimap-bins";
import type { TimeView } from "../../run/time/time-view";
import type { WholeMinimap } from "../../run/time/whole-minimap";
import { visibleRows } from "../../run/tree/rows";
import type { RunStore } from "../../store";
import { plural } from "../../text/format";
import { drags } from "./time-input";

const HEIGHT_PX = 32;
const LANE_PX = 2;
const LANES = HEIGHT_PX / LANE_PX;
const EDGE_PX = 7;
const TITLE = "Drag to choose a part of the time, double-click for all";
/** Drawn anew no more often than this for a large run that goes on. */
const LARGE = 5_000;
const REST_MS = 1_000;

const NONE: ReadonlySet<string> = new Set();

type Grip = "new" | "move" | "start" | "end";

export interface MinimapActions {
  /** Of a run that is here in parts. */
  readonly whole: WholeMinimap;
  now(): number;
  changed(): void;
}

export class Minimap {
  readonly element: HTMLElement;
  private readonly canvas = h("canvas", { "aria-hidden": "true" });
  private readonly before = h("div", { class: "minimap-shade" });
  private readonly after = h("div", { class: "minimap-shade" });
  private readonly frame = h("div", { class: "minimap-window" });
  private readonly range = h("div", { class: "minimap-range", hidden: true });
  private readonly time: TimeView;
  private readonly actions: MinimapActions;
  private width = 0;
  private drawn = "";
  private drawnAt = Number.NEGATIVE_INFINITY;
  private store: RunStore | null = null;
  private grip: Grip = "new";
  private grabbed = { from: 0, to: 1 };
  private colours: Readonly<Record<BinClass, string>> | null = null;

  constructor(time: TimeView, actions: MinimapActions) {
    this.time = time;
    this.actions = actions;
    this.element = h(
      "div",
      { class: "minimap", role: "img", title: TITLE },
      this.canvas,
      this.before,
      this.after,
      this.frame,
      this.range,
    );
    new ResizeObserver(() => this.resize()).observe(this.element);
    for (const query of ["(prefers-color-scheme: dark)", "(forced-colors: active)"])
      matchMedia(query).addEventListener("change", () => this.repaint());
    new MutationObserver(() => this.repaint()).observe(document.documentElement, {
      attributeFilter: ["data-theme"],
    });
    this.element.addEventListener("dblclick", () => {
      time.fit();
      actions.changed();
    });
    drags(this.element, {
      begin: (x) => this.grab(x),
      move: (from, x) => this.drag(from, x),
      end: (from, x, moved) => this.drop(from, x, moved),
    });
    this.element.addEventListener("pointermove", (event) => {
      if (event.buttons === 0) setAttr(this.element, "data-grip", this.gripAt(event.offsetX));
    });
  }

  draw(store: RunStore): void {
    const isOther = store !== this.store;
    this.store = store;
    this.drawWindow();
    const { time, width } = this;
    const { from, to } = time.bounds;
    const key = [store.version, from, to, width, time.adjusts, time.longer].join();
    if (width === 0 || !time.extent || (key === this.drawn && !isOther)) return;
    const now = performance.now();
    if (!isOther && store.spans.size > LARGE && store.running.size > 0 && now - this.drawnAt < REST_MS)
      return;
    this.drawn = key;
    this.drawnAt = now;
    this.paint(store);
  }

  /** The part that is shown, which moves more often than the bars change. */
  drawWindow(): void {
    const { time } = this;
    const { from, to } = time.shown;
    const left = Math.max(0, time.shareOfWhole(from));
    const right = Math.min(1, time.shareOfWhole(to));
    const percent = (share: number) => `${(share * 100).toFixed(3)}%`;
    for (const part of [this.before, this.after, this.frame]) part.hidden = !time.isZoomed;
    this.before.style.width = percent(left);
    this.after.style.left = percent(right);
    this.frame.style.left = percent(left);
    this.frame.style.width = percent(Math.max(0, right - left));
    setAttr(
      this.element,
      "aria-label",
      time.isZoomed
        ? `The run in small; from ${Math.round(left * 100)} % to ${Math.round(right * 100)} % of its time is shown`
        : "The run in small; all of its time is shown",
    );
  }

  private paint(store: RunStore): void {
    const { canvas, width } = this;
    const context = canvas.getContext("2d");
    if (!context) return;
    const scale = devicePixelRatio || 1;
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(HEIGHT_PX * scale);
    context.scale(scale, scale);
    const lanes = Math.min(LANES, store.spanCount);
    const more =
      store.spanCount > lanes
        ? `. It sums up ${plural(store.spanCount, "span")} on ${lanes} lanes: of those at one place the most important is drawn`
        : "";
    setAttr(this.element, "title", `${TITLE}${more}`);
    const { bars, height } = store.whole ? this.barsOfWhole() : this.barsOf(store);
    this.colours ??= coloursOf(this.element);
    for (const of of BIN_CLASSES) {
      context.fillStyle = this.colours[of];
      for (const bar of bars)
        if (bar.of === of)
          context.fillRect(bar.from, bar.lane * height, bar.to - bar.from, Math.max(1, height - 0.5));
    }
  }

  private barsOf(store: RunStore): { bars: BinnedBar[]; height: number } {
    const { time, width } = this;
    const rows = visibleRows(store.tree, NONE);
    const lanes = Math.max(1, Math.min(rows.length, LANES));
    const height = Math.min(6, HEIGHT_PX / lanes);
    const nowUs = this.actions.now();
    const bars = binnedBars(rows, width, lanes, (node) => {
      const span = store.spans.get(node.id);
      if (!span) return null;
      const from = time.shareOfWhole(time.startOf(span));
      const to = time.shareOfWhole(time.endOf(span, nowUs));
      return { from, to, of: binClass(span, node.children.length > 0) };
    });
    return { bars, height };
  }

  /** As the service makes it of all spans, as far as that is here. */
  private barsOfWhole(): { bars: BinnedBar[]; height: number } {
    const { time, width, actions } = this;
    const { adjusts, longer } = time;
    const { bars, lanes } = actions.whole.bars(
      { ...time.bounds, width, lanes: LANES, adjusts, longer },
      (at) => time.shareOfWhole(at),
    );
    return { bars, height: Math.min(6, HEIGHT_PX / lanes) };
  }

  /** Draws all of it again. */
  repaint(): void {
    this.colours = null;
    this.drawn = "";
    if (this.store) this.draw(this.store);
  }

  private resize(): void {
    const isFirst = this.width === 0;
    this.width = this.element.clientWidth;
    // The rows come first.
    if (isFirst) afterPaint(() => this.repaint());
    else this.repaint();
  }

  private gripAt(x: number): Grip {
    if (!this.time.isZoomed || this.width === 0) return "new";
    const { from, to } = this.time.shown;
    const left = this.time.shareOfWhole(from) * this.width;
    const right = this.time.shareOfWhole(to) * this.width;
    if (Math.abs(x - left) <= EDGE_PX) return "start";
    if (Math.abs(x - right) <= EDGE_PX) return "end";
    return x > left && x < right ? "move" : "new";
  }

  private grab(x: number): boolean {
    this.grip = this.gripAt(x);
    this.grabbed = this.time.shown;
    return true;
  }

  private drag(from: number, x: number): void {
    const { time, width } = this;
    const at = (px: number) => time.timeAtWhole(Math.min(1, Math.max(0, px / width)));
    if (this.grip === "new") {
      const low = Math.max(0, Math.min(from, x));
      this.range.hidden = false;
      this.range.style.left = `${low}px`;
      this.range.style.width = `${Math.min(width, Math.max(from, x)) - low}px`;
      return;
    }
    const { from: start, to: end } = this.grabbed;
    if (this.grip === "start") time.zoomTo(at(x), end);
    else if (this.grip === "end") time.zoomTo(start, at(x));
    else {
      const left = time.shareOfWhole(start) * width + x - from;
      const length = (time.shareOfWhole(end) - time.shareOfWhole(start)) * width;
      const placed = Math.min(Math.max(0, left), width - length);
      time.zoomTo(at(placed), at(placed + length));
    }
    this.actions.changed();
  }

  private drop(from: number, x: number, moved: boolean): void {
    this.range.hidden = true;
    if (this.grip !== "new") return;
    const { time, width } = this;
    if (moved) time.zoomTo(time.timeAtWhole(from / width), time.timeAtWhole(x / width));
    else if (time.isZoomed) {
      // A click beside the part that is shown brings it there.
      const { from: start, to: end } = time.shown;
      const half = (time.shareOfWhole(end) - time.shareOfWhole(start)) / 2;
      const middle = Math.min(1 - half, Math.max(half, x / width));
      time.zoomTo(time.timeAtWhole(middle - half), time.timeAtWhole(middle + half));
    }
    this.actions.changed();
  }
}

/** Of the theme as it is now: a canvas knows no custom properties. */
function coloursOf(element: HTMLElement): Readonly<Record<BinClass, string>> {
  const probe = h("i", { class: "minimap-probe" });
  element.append(probe);
  const entries = BIN_CLASSES.map((of) => {
    probe.dataset.of = of;
    return [of, getComputedStyle(probe).backgroundColor] as const;
  });
  probe.remove();
  return Object.fromEntries(entries) as Record<BinClass, string>;
}
