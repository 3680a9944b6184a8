/** The time axis above the waterfall, with the lines behind the rows. A drag along it chooses a part of the time. */
import { byId, h } from "../../browser/dom";
import type { TimeView } from "../../run/time/time-view";
import { duration } from "../../text/format";
import { drags } from "./time-input";

/** A label that would begin nearer to the edge is written to its left. */
const LABEL_PX = 44;
/** About as wide as a character is, and what is left between two labels. */
const CHAR_PX = 6.5;
const GAP_PX = 8;

export class TimeAxis {
  private readonly head = byId("trace-head");
  private readonly viewport = byId("trace-viewport");
  private readonly axis = byId("trace-axis");
  private readonly lines = byId("trace-lines");
  private readonly range = h("div", { class: "axis-range", hidden: true });
  private readonly time: TimeView;
  private width = 0;
  private isKnown = false;
  private drawn = "";

  constructor(time: TimeView, changed: () => void) {
    this.time = time;
    new ResizeObserver(() => this.resize()).observe(this.axis);
    drags(this.axis, {
      begin: () => this.isKnown,
      move: (from, x) => this.mark(from, x),
      end: (from, x, moved) => {
        this.range.hidden = true;
        if (!moved) return;
        time.zoomTo(time.timeAt(from / this.width), time.timeAt(x / this.width));
        changed();
      },
    });
    this.axis.addEventListener("dblclick", () => {
      time.fit();
      changed();
    });
  }

  /** `isKnown` false: nothing is known of the time yet. */
  show(isKnown: boolean): void {
    this.isKnown = isKnown;
    const { width, time } = this;
    const key = isKnown ? `${time.revision}:${width}` : "";
    if (key === this.drawn) return;
    this.drawn = key;
    const labels: HTMLElement[] = [];
    let [lastAt, lastChars] = [0, 0];
    const lines: HTMLElement[] = [];
    for (const mark of isKnown && width > 0 ? time.ticks(width) : []) {
      const text = h("span", { class: "tick" }, mark.label);
      text.style.left = `${mark.at * 100}%`;
      if (mark.at * width < LABEL_PX / 2) text.dataset.edge = "start";
      else if (mark.at * width > width - LABEL_PX) {
        text.dataset.edge = "end";
        // The end is worth more than a label that it would touch.
        const room = (mark.at - lastAt) * width - GAP_PX;
        if (room < (lastChars / 2 + mark.label.length) * CHAR_PX && labels.length > 1) labels.pop();
      }
      [lastAt, lastChars] = [mark.at, mark.label.length];
      labels.push(text);
      const line = h("i");
      line.style.left = `${mark.at * 100}%`;
      lines.push(line);
    }
    for (const cut of isKnown ? time.cuts() : []) {
      const band = h("i", { class: "cut" });
      band.style.left = `${cut.from * 100}%`;
      band.style.width = `${(cut.to - cut.from) * 100}%`;
      lines.push(band);
      const title = `${duration(cut.lengthUs)} in which nothing worked take little room here`;
      const text = h("span", { class: "tick cut-label", title }, duration(cut.lengthUs));
      text.style.left = `${((cut.from + cut.to) / 2) * 100}%`;
      labels.push(text);
    }
    this.axis.replaceChildren(...labels, this.range);
    this.lines.replaceChildren(...lines);
  }

  private mark(from: number, x: number): void {
    const low = Math.max(0, Math.min(from, x));
    this.range.hidden = false;
    this.range.style.left = `${low}px`;
    this.range.style.width = `${Math.min(this.width, Math.max(from, x)) - low}px`;
  }

  private resize(): void {
    // The head has no scroll bar, the rows may have one.
    const bar = this.viewport.offsetWidth - this.viewport.clientWidth;
    this.head.style.paddingRight = `${bar}px`;
    this.lines.parentElement?.style.setProperty("--scroll-bar", `${bar}px`);
    this.width = this.axis.clientWidth;
    // The axis is a column of the grid: the lines behind the rows follow its place.
    this.lines.style.left = `${this.axis.offsetLeft}px`;
    this.lines.style.width = `${this.width}px`;
    this.show(this.isKnown);
  }
}
