/** What can be done with the bar of a span: to read its figures, to see its time alone. */
import { setAttr } from "../../browser/dom";
import type { TimePanel } from "../time/time-panel";
import type { RowSource } from "./row-source";
import { barWords } from "./tree-words";

/** Of the span's time, on both sides of it. */
const MARGIN = 0.04;

export class BarActions {
  private readonly source: RowSource;
  private readonly panel: TimePanel;

  constructor(source: RowSource, panel: TimePanel) {
    this.source = source;
    this.panel = panel;
  }

  /** The figures of a bar, and of a duration. */
  explain(id: string, cell: Element): void {
    const span = this.source.span(id);
    if (!span) return;
    const from = this.source.startOf(span);
    const figures = {
      begun: from - this.panel.time.bounds.from,
      length: this.source.endOf(span) - from,
      self: this.panel.selfTimeUs(id),
    };
    setAttr(cell, "title", barWords(figures));
  }

  /** Shows the time of a span alone. */
  zoomInto(id: string): void {
    const span = this.source.span(id);
    if (!span) return;
    const [from, to] = [this.source.startOf(span), this.source.endOf(span)];
    const margin = Math.abs(to - from) * MARGIN;
    this.panel.time.zoomTo(Math.min(from, to) - margin, Math.max(from, to) + margin);
    this.panel.changed();
  }
}
