/** The time axis above the waterfall, with the lines behind the rows. */
import { byId, h } from "../../browser/dom";
import { ticks } from "../../run/time-scale";
import type { TimeView } from "../../run/time-view";

/** A label that would begin nearer to the edge is written to its left. */
const LABEL_PX = 44;

export class TimeAxis {
  private readonly head = byId("trace-head");
  private readonly viewport = byId("trace-viewport");
  private readonly axis = byId("trace-axis");
  private readonly lines = byId("trace-lines");
  private width = 0;
  private time: TimeView | null = null;
  private drawn = "";

  constructor() {
    new ResizeObserver(() => this.resize()).observe(this.axis);
  }

  /** Shows a part of time; null: nothing is known of it yet. */
  show(time: TimeView | null): void {
    this.time = time;
    const { width } = this;
    const key = time ? `${time.revision}:${width}` : "";
    if (key === this.drawn) return;
    this.drawn = key;
    const labels: HTMLElement[] = [];
    const lines: HTMLElement[] = [];
    for (const mark of time && width > 0 ? ticks(time.shown, time.bounds.from, width) : []) {
      const text = h("span", { class: "tick" }, mark.label);
      text.style.left = `${mark.at * 100}%`;
      if (mark.at * width < LABEL_PX / 2) text.dataset.edge = "start";
      else if (mark.at * width > width - LABEL_PX) text.dataset.edge = "end";
      labels.push(text);
      const line = h("i");
      line.style.left = `${mark.at * 100}%`;
      lines.push(line);
    }
    this.axis.replaceChildren(...labels);
    this.lines.replaceChildren(...lines);
  }

  private resize(): void {
    // The head has no scroll bar, the rows may have one.
    const bar = this.viewport.offsetWidth - this.viewport.clientWidth;
    this.head.style.paddingRight = `${bar}px`;
    this.width = this.axis.clientWidth;
    // The axis is a column of the grid: the lines behind the rows follow its place.
    this.lines.style.left = `${this.axis.offsetLeft}px`;
    this.lines.style.width = `${this.width}px`;
    this.show(this.time);
  }
}
