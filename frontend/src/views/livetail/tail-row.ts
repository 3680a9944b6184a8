/** One row of the livetail: an event, or the place that the fields of the open event take below it. */
import { h, icon, setAttr, setIcon, setText } from "../../browser/dom";
import { type Family, family, label, summary, tone } from "../../run/tail/events";
import type { LateMarks } from "../../run/tail/tail-order";
import type { TailEvent } from "../../service/wire";
import { isUnpriced } from "../../store";
import { costNano, dateTime, duration, money, timeOfDay } from "../../text/format";
import { visible } from "../../text/visible";
import { BackendMark } from "../backend-mark";
import type { RowView } from "../windowed";

/** The rows below an open event: the first has its fields, the others are covered by it. */
export interface Below {
  readonly below: number;
  readonly part: number;
}

export type TailItem = TailEvent | Below;

export function isBelow(item: TailItem): item is Below {
  return "below" in item;
}

/** What a row asks of its list. */
export interface RowContext {
  readonly late: LateMarks;
  nameOf(event: TailEvent): string;
  knows(spanId: string | undefined): boolean;
  readonly openSeq: number | null;
  readonly activeSeq: number | null;
  readonly fields: HTMLElement | null;
}

const FAMILY_ICONS: Readonly<Record<Family, string>> = {
  pipeline: "pipeline",
  layer: "layers",
  phase: "phase",
  subphase: "subphase",
  llm_call: "spark",
  log: "lines",
  decision: "branch",
  step: "dot",
  other: "dot",
};

export function rowId(seq: number): string {
  return `tail-event-${seq}`;
}

/** "late by 2.1 s" in a sentence. */
export function lateTitle(us: number): string {
  return `It came in after events that are up to ${duration(us)} newer: it was sent late, or its clock is behind. Events stand in the order in which they came in.`;
}

export class TailRow implements RowView<TailItem> {
  readonly element = h("div", { class: "tail-row" });
  private readonly context: RowContext;
  private readonly time = h("span", { class: "tail-time", role: "gridcell" });
  private readonly glyph = icon("dot", "tail-icon");
  private readonly event = h("span", { class: "tail-event" });
  private readonly span = h("span", { class: "tail-span" });
  private readonly mark = new BackendMark();
  private readonly late = h("span", { class: "tail-late" });
  private readonly text = h("span", { class: "tail-text" });
  private readonly cost = h("span", { class: "tail-cost", role: "gridcell" });
  private readonly cells: readonly (HTMLElement | SVGElement)[];
  private readonly fieldsCell = h("div", { class: "tail-fields", role: "gridcell" });
  private drawn: TailEvent | null = null;

  constructor(context: RowContext) {
    this.context = context;
    this.cells = [
      this.time,
      this.glyph,
      h("span", { class: "tail-name", role: "gridcell" }, this.event),
      h("span", { class: "tail-where", role: "gridcell" }, this.span),
      h("span", { class: "tail-message", role: "gridcell" }, this.mark.element, this.late, this.text),
      this.cost,
    ];
  }

  update(item: TailItem, index: number): void {
    setAttr(this.element, "aria-rowindex", String(index + 1));
    if (isBelow(item)) this.showBelow(item);
    else this.showEvent(item);
  }

  private showBelow({ part }: Below): void {
    const { element, fieldsCell, context } = this;
    this.drawn = null;
    setAttr(element, "class", part === 0 ? "tail-row-fields" : "tail-row-covered");
    setAttr(element, "role", part === 0 ? "row" : "presentation");
    for (const name of ["id", "data-event", "data-seq", "data-event-span", "aria-expanded", "data-active"])
      setAttr(element, name, null);
    if (part > 0 || !context.fields) {
      element.replaceChildren();
      return;
    }
    if (fieldsCell.firstChild !== context.fields) fieldsCell.replaceChildren(context.fields);
    if (element.firstChild !== fieldsCell) element.replaceChildren(fieldsCell);
  }

  private showEvent(event: TailEvent): void {
    const { element, context } = this;
    if (element.firstChild !== this.time) {
      element.replaceChildren(...this.cells);
      setAttr(element, "class", "tail-row");
      setAttr(element, "role", "row");
    }
    const name = context.nameOf(event);
    setText(this.span, name);
    setAttr(this.span, "title", name || null);
    setAttr(this.span, "data-leads", context.knows(event.span_id) ? "" : null);
    this.showName(event, name);
    setAttr(element, "aria-expanded", String(context.openSeq === event.seq));
    setAttr(element, "data-active", context.activeSeq === event.seq ? "" : null);
    setAttr(element, "id", rowId(event.seq));
    if (this.drawn === event) return;
    this.drawn = event;
    this.showTexts(event);
  }

  /** Where the column of names has no room, the name stands before the text. */
  private showName(event: TailEvent, name: string): void {
    const isSaid = event.event === "log" || summary(event).includes(name);
    setAttr(this.text, "data-name", isSaid ? null : name);
  }

  private showTexts(event: TailEvent): void {
    const { element } = this;
    setAttr(element, "data-seq", String(event.seq));
    setAttr(element, "data-event", event.event);
    setAttr(element, "data-event-span", event.span_id ?? null);
    setAttr(element, "data-family", family(event.event));
    setAttr(element, "data-tone", tone(event));
    setText(this.time, timeOfDay(event.ts));
    setAttr(this.time, "title", dateTime(event.ts));
    setIcon(this.glyph, FAMILY_ICONS[family(event.event)]);
    setText(this.event, label(event));
    setAttr(this.event, "title", event.event === "log" ? (event.logger ?? null) : event.event);
    this.mark.update(event);
    const late = this.context.late.of(event);
    setText(this.late, late === undefined ? "" : `late by ${duration(late)}`);
    setAttr(this.late, "title", late === undefined ? null : lateTitle(late));
    const text = summary(event);
    setText(this.text, visible(text));
    setAttr(this.text, "title", text || null);
    const nano = costNano(event);
    const price = nano !== undefined ? money(nano) : isUnpriced(event) ? "unpriced" : "";
    setText(this.cost, price);
  }
}

/** The row in one line, as it is copied. */
export function lineOf(event: TailEvent, name: string): string {
  const parts = [dateTime(event.ts), event.event === "log" ? label(event) : event.event, name, event.backend];
  return [...parts, event.event === "log" ? event.message : summary(event)].filter(Boolean).join("  ");
}
