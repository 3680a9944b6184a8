/** What a flame graph is painted on: a canvas that stays in sight within a scroller as high as all rows. */
import { h } from "../../browser/dom";
import type { FlameLayout, Frame } from "../../run/time/flame";
import type { TimeView } from "../../run/time/time-view";
import { AXIS_PX, FlameCanvas, FRAME_PX, type Painted } from "./flame-canvas";

/** A frame narrower than this is found this far beside it. */
const NEAR_PX = 3;
const FOOT_PX = 8;

export class FlameStage {
  readonly canvas = new FlameCanvas();
  private readonly spacer = h("div", { class: "flame-spacer" });
  readonly scroller = h(
    "div",
    {
      class: "flame-scroller",
      tabindex: 0,
      role: "application",
      "aria-label": "Flame graph. Arrow keys go from span to span, Enter shows the details.",
    },
    this.canvas.element,
    this.spacer,
  );
  /** So many rows there are at least, though they have not come yet. */
  private leastRows = 0;

  /** Another run. */
  reset(): void {
    this.leastRows = 0;
    this.scroller.scrollTop = 0;
  }

  /** False where it is not on the screen. */
  resize(): boolean {
    const { clientWidth, clientHeight, offsetWidth } = this.scroller;
    if (clientWidth === 0) return false;
    // It ends where the minimap ends: a scrollbar stands in the gap beside it.
    const gap = this.canvas.element.offsetLeft;
    const width = Math.min(offsetWidth - 2 * gap, clientWidth - gap);
    this.canvas.resize(width, clientHeight);
    return true;
  }

  get width(): number {
    return Math.max(1, this.canvas.width);
  }

  get hasFocus(): boolean {
    return document.activeElement === this.scroller;
  }

  /** The rows in sight. */
  get rows(): { first: number; count: number } {
    const first = Math.floor(this.scroller.scrollTop / FRAME_PX);
    return { first, count: Math.ceil(this.canvas.height / FRAME_PX) + 1 };
  }

  paint(painted: Painted): void {
    this.fit(painted.layout.rows.length);
    this.canvas.paint(painted, this.scroller.scrollTop);
  }

  /** Brings a row into sight. */
  showRow(row: number): void {
    this.leastRows = Math.max(this.leastRows, row + 1);
    this.fit(this.leastRows);
    const top = row * FRAME_PX;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop || top + FRAME_PX + AXIS_PX > scrollTop + clientHeight)
      this.scroller.scrollTop = top - clientHeight / 2;
  }

  frameAt(clientX: number, clientY: number, layout: FlameLayout, time: TimeView): Frame | undefined {
    const box = this.scroller.getBoundingClientRect();
    const y = clientY - box.top - AXIS_PX;
    if (y < 0 || this.canvas.width === 0) return undefined;
    const share = (clientX - this.left) / this.width;
    const at = time.timeAt(share);
    const slack = time.timeAt(share + NEAR_PX / this.width) - at;
    return layout.at(Math.floor((y + this.scroller.scrollTop) / FRAME_PX), at, slack);
  }

  timeAt(clientX: number, time: TimeView): number {
    return time.timeAt((clientX - this.left) / this.width);
  }

  private get left(): number {
    return this.canvas.element.getBoundingClientRect().left;
  }

  private fit(rows: number): void {
    const height = `${AXIS_PX + Math.max(rows, this.leastRows) * FRAME_PX + FOOT_PX}px`;
    if (this.spacer.style.height !== height) this.spacer.style.height = height;
  }
}
