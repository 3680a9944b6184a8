/** One row of the comparison: the span, how long it took in each run, and what it cost. */

import { h, icon, setAttr, setIcon, setText } from "../../browser/dom";
import { rowId, type VisibleRow } from "../../compare/compare-rows";
import type { ComparedSide } from "../../service/wire-compare";
import * as format from "../../text/format";
import { shownName } from "../../text/visible";
import { BackendMark } from "../backend-mark";
import { STATUS_ICONS } from "../status";
import type { RowView } from "../windowed";
import { delta, lengthUs, nameOf, noteOf, shareWords } from "./compare-words";

const MAX_INDENT = 12;
const INDENT_PX = 16;

/** The columns beside the span's name: class, and what a screen reader calls them. */
export const COLUMNS = [
  ["duration-a", "duration in A"],
  ["duration-b", "duration in B"],
  ["duration-delta", "difference of the durations"],
  ["cost-a", "cost in A"],
  ["cost-b", "cost in B"],
  ["cost-delta", "difference of the costs"],
  ["tokens-a", "tokens in A"],
  ["tokens-b", "tokens in B"],
] as const;
type Column = (typeof COLUMNS)[number][0];

export interface RowContext {
  readonly collapsed: ReadonlySet<string>;
  readonly selected: string | null;
  readonly cursor: string | null;
  /** Where each run begins, µs; and the longer one's length. */
  readonly startA: number;
  readonly startB: number;
  readonly lengthUs: number;
  nowUs(): number;
}

export class CompareRow implements RowView<VisibleRow> {
  readonly element: HTMLElement;
  private readonly context: RowContext;
  private readonly twisty = h(
    "span",
    { class: "twisty", "aria-hidden": "true" },
    icon("chevron", "twisty-icon"),
  );
  private readonly glyphA = icon("ok", "glyph");
  private readonly glyphB = icon("ok", "glyph");
  private readonly glyphs = h("span", { class: "compare-glyphs" }, this.glyphA, this.glyphB);
  private readonly only = h("span", { class: "compare-only" });
  private readonly mark = new BackendMark();
  private readonly name = h("span", { class: "row-name", dir: "auto" });
  private readonly note = h("span", { class: "row-note", dir: "auto" });
  private readonly nameCell: HTMLElement;
  private readonly barA = h("i", { class: "compare-bar", "data-run": "a" });
  private readonly barB = h("i", { class: "compare-bar", "data-run": "b" });
  private readonly cells: Readonly<Record<Column, HTMLElement>>;
  private shown: VisibleRow | null = null;

  constructor(context: RowContext) {
    this.context = context;
    this.nameCell = h(
      "div",
      { class: "compare-name", role: "gridcell" },
      this.twisty,
      this.glyphs,
      this.only,
      this.mark.element,
      this.name,
      this.note,
    );
    const cell = ([name]: (typeof COLUMNS)[number]): [Column, HTMLElement] => [
      name,
      h("div", { class: `compare-cell compare-${name}`, role: "gridcell" }),
    ];
    this.cells = Object.fromEntries(COLUMNS.map(cell)) as Record<Column, HTMLElement>;
    const bars = h(
      "div",
      { class: "compare-bars", role: "gridcell", "aria-hidden": "true" },
      this.barA,
      this.barB,
    );
    this.element = h(
      "div",
      { class: "compare-row", role: "row" },
      this.nameCell,
      bars,
      ...Object.values(this.cells),
    );
  }

  update(shown: VisibleRow, index: number): void {
    this.shown = shown;
    const { row, hasChildren, isContext } = shown;
    const { element } = this;
    const id = rowId(row);
    setAttr(element, "id", `pair-${id}`);
    setAttr(element, "aria-level", String(row.depth + 1));
    setAttr(element, "aria-rowindex", String(index + 2));
    setAttr(element, "aria-selected", String(this.context.selected === id));
    setAttr(element, "aria-expanded", hasChildren ? String(!this.context.collapsed.has(id)) : null);
    setAttr(element, "data-cursor", this.context.cursor === id ? "" : null);
    setAttr(element, "data-context", isContext ? "" : null);
    setAttr(element, "data-only", row.a ? (row.b ? null : "a") : "b");
    setAttr(element, "data-differs", row.changed.length > 0 ? "" : null);
    setAttr(this.twisty, "data-parent", hasChildren ? "" : null);
    this.element.style.setProperty("--indent", `${Math.min(row.depth, MAX_INDENT) * INDENT_PX}px`);
    this.drawStates(row.a, row.b);
    setText(this.only, row.a && row.b ? "" : `only ${row.a ? "A" : "B"}`);
    this.mark.update(row.b ?? row.a ?? undefined);
    setText(this.name, shownName(nameOf(row)));
    setAttr(this.name, "title", row.name);
    const note = noteOf(row);
    setText(this.note, note);
    setAttr(this.note, "title", note || null);
    setAttr(this.note, "data-tone", (row.b ?? row.a)?.status === "error" ? "bad" : null);
    this.drawFigures();
  }

  /** Only what moves while time passes. */
  tick(): void {
    const { shown } = this;
    if (shown && [shown.row.a, shown.row.b].some((side) => side?.status === "running")) this.drawFigures();
  }

  private drawStates(a: ComparedSide | null, b: ComparedSide | null): void {
    const first = (a ?? b)?.status ?? "running";
    const second = a && b && a.status !== b.status ? b.status : null;
    setIcon(this.glyphA, STATUS_ICONS[first]);
    setAttr(this.glyphA, "data-state", first);
    this.glyphB.classList.toggle("compare-hidden", second === null);
    setIcon(this.glyphB, STATUS_ICONS[second ?? first]);
    setAttr(this.glyphB, "data-state", second ?? first);
  }

  private drawFigures(): void {
    const { row } = this.shown as VisibleRow;
    const { a, b } = row;
    const nowUs = this.context.nowUs();
    const [longA, longB] = [lengthUs(a, nowUs), lengthUs(b, nowUs)];
    this.pair("duration", longA, longB, format.duration);
    this.pair("cost", a?.cost_nano, b?.cost_nano, format.money);
    for (const [name, side] of [["a", a] as const, ["b", b] as const]) {
      const { tokens, unpriced, cost_nano: cost } = side ?? {};
      this.set(
        `tokens-${name}`,
        tokens ? `${format.tokens(tokens.input)} → ${format.tokens(tokens.output)}` : "",
      );
      if (unpriced && cost === undefined) this.set(`cost-${name}`, "unpriced");
    }
    this.bar(this.barA, a, this.context.startA, longA);
    this.bar(this.barB, b, this.context.startB, longB);
  }

  private pair(
    name: "duration" | "cost",
    a: number | undefined,
    b: number | undefined,
    text: (value: number) => string,
  ): void {
    this.set(`${name}-a`, a === undefined ? "" : text(a));
    this.set(`${name}-b`, b === undefined ? "" : text(b));
    this.set(`${name}-delta`, delta(a, b, text));
    setAttr(this.cells[`${name}-delta`], "title", shareWords(a, b) || null);
  }

  private set(column: Column, text: string): void {
    setText(this.cells[column], text);
  }

  private bar(bar: HTMLElement, side: ComparedSide | null, start: number, long: number | undefined): void {
    bar.hidden = side === null;
    if (side === null || long === undefined) return;
    const share = (us: number): string =>
      `${Math.min(100, Math.max(0, (us / this.context.lengthUs) * 100)).toFixed(2)}%`;
    bar.style.left = share(side.start - start);
    bar.style.width = share(long);
    setAttr(bar, "data-state", side.status);
  }
}
