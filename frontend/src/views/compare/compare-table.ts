/** The spans of both runs as rows of one tree, driven by pointer and keyboard. */

import { h, setAttr, setText } from "../../browser/dom";
import { rowId, type Shown, type VisibleRow, visibleRows } from "../../compare/compare-rows";
import type { ComparedRow, Comparison } from "../../service/wire-compare";
import { WindowedList } from "../windowed";
import { CompareRow, type RowContext } from "./compare-row";

const NARROW = matchMedia("(max-width: 900px)");
const ROW_HEIGHT = 32;
const NARROW_ROW_HEIGHT = 56;
const HEADS = ["duration", "cost", "tokens"] as const;

export class CompareTable {
  readonly element: HTMLElement;
  private readonly viewport: HTMLElement;
  private readonly empty = h("p", { class: "tail-empty", hidden: true });
  private readonly list: WindowedList<VisibleRow>;
  private readonly context: { -readonly [K in keyof RowContext]: RowContext[K] };
  private readonly collapsed = new Set<string>();
  private readonly chosen: (row: ComparedRow | null) => void;
  private all: readonly ComparedRow[] = [];
  private rows: VisibleRow[] = [];
  private shown: Shown = "all";

  constructor(nowUs: () => number, chosen: (row: ComparedRow | null) => void) {
    this.chosen = chosen;
    const none = { selected: null, cursor: null, startA: 0, startB: 0, lengthUs: 1 };
    this.context = { ...none, collapsed: this.collapsed, nowUs };
    const canvas = h("div", { class: "canvas", role: "rowgroup" });
    this.viewport = h(
      "div",
      { class: "compare-viewport", role: "treegrid", "aria-label": "Spans of both runs", tabindex: "0" },
      canvas,
    );
    this.element = h("div", { class: "compare-table" }, header(), this.viewport, this.empty);
    this.list = new WindowedList<VisibleRow>({
      viewport: this.viewport,
      canvas,
      get rowHeight() {
        return NARROW.matches ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
      },
      key: ({ id }) => id,
      create: () => new CompareRow(this.context),
      inOrder: true,
    });
    canvas.addEventListener("click", (event) => this.onClick(event));
    this.viewport.addEventListener("keydown", (event) => this.onKey(event));
    this.viewport.addEventListener("pointerdown", () => setAttr(this.viewport, "data-keys", null));
    NARROW.addEventListener("change", () => this.draw());
  }

  take({ a, b, rows }: Comparison, lengthUs: number): void {
    this.all = rows;
    Object.assign(this.context, { startA: a.start ?? 0, startB: b.start ?? 0, lengthUs });
    this.draw();
  }

  show(shown: Shown): void {
    this.shown = shown;
    this.draw();
  }

  /** Forgets which rows were collapsed and chosen: these are other runs. */
  reset(): void {
    this.collapsed.clear();
    Object.assign(this.context, { selected: null, cursor: null });
    this.all = [];
    this.draw();
  }

  /** Chooses a row by its id, and brings it into sight. */
  select(id: string | null): ComparedRow | null {
    this.context.selected = id;
    this.context.cursor = id ?? this.context.cursor;
    this.draw();
    const at = this.rows.findIndex((row) => row.id === id);
    if (at >= 0) this.list.center(at);
    return this.all.find((row) => rowId(row) === id) ?? null;
  }

  focus(): void {
    this.viewport.focus();
  }

  tick(lengthUs: number): void {
    this.context.lengthUs = lengthUs;
    for (const row of this.list.rows()) (row as CompareRow).tick();
  }

  private draw(): void {
    this.rows = visibleRows(this.all, this.shown, this.collapsed);
    setAttr(this.viewport, "aria-rowcount", String(this.rows.length));
    this.list.setItems(this.rows);
    this.empty.hidden = this.rows.length > 0 || this.all.length === 0;
    setText(this.empty, EMPTY[this.shown]);
    this.drawCursor();
  }

  private drawCursor(): void {
    const { cursor } = this.context;
    const visible = this.rows.some(({ id }) => id === cursor);
    setAttr(this.viewport, "aria-activedescendant", visible ? `pair-${cursor}` : null);
  }

  private onClick(event: MouseEvent): void {
    const target = event.target as Element;
    const id = target.closest(".compare-row")?.id.replace(/^pair-/, "");
    const row = this.rows.find((each) => each.id === id);
    if (!row) return;
    this.context.cursor = row.id;
    if (target.closest(".twisty[data-parent]")) this.fold(row, !this.collapsed.has(row.id));
    else this.choose(row);
  }

  private choose(row: VisibleRow): void {
    const again = this.context.selected === row.id;
    this.context.selected = again ? null : row.id;
    this.list.render();
    this.drawCursor();
    this.chosen(again ? null : row.row);
  }

  private fold(row: VisibleRow, closed: boolean): void {
    if (!row.hasChildren) return;
    if (closed) this.collapsed.add(row.id);
    else this.collapsed.delete(row.id);
    this.draw();
  }

  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const at = this.rows.findIndex(({ id }) => id === this.context.cursor);
    const row = this.rows[at];
    const page = this.list.pageRows;
    const steps: Record<string, number> = {
      ArrowDown: at + 1,
      ArrowUp: Math.max(0, at - 1),
      PageDown: at + page,
      PageUp: at - page,
      Home: 0,
      End: this.rows.length - 1,
    };
    const isOpen = row?.hasChildren && !this.collapsed.has(row.id);
    if (event.key in steps) this.move(steps[event.key] ?? 0);
    else if (event.key === "n" || event.key === "p") this.moveToDifference(at, event.key === "n" ? 1 : -1);
    else if (!row) return;
    else if (event.key === "Enter" || event.key === " ") this.choose(row);
    else if (event.key === "ArrowRight" && row.hasChildren)
      isOpen ? this.move(at + 1) : this.fold(row, false);
    else if (event.key === "ArrowLeft") isOpen ? this.fold(row, true) : this.move(this.parentOf(at));
    else if (event.key === "Escape" && this.context.selected) this.chosen(null);
    else return;
    event.preventDefault();
  }

  private move(to: number): void {
    const at = Math.min(this.rows.length - 1, Math.max(0, to));
    const row = this.rows[at];
    if (!row) return;
    setAttr(this.viewport, "data-keys", "");
    this.context.cursor = row.id;
    this.list.reveal(at);
    this.drawCursor();
  }

  private moveToDifference(from: number, step: 1 | -1): void {
    for (let at = from + step; at >= 0 && at < this.rows.length; at += step) {
      const { row } = this.rows[at] as VisibleRow;
      if (!row.a || !row.b || row.changed.length > 0) {
        this.move(at);
        return;
      }
    }
  }

  private parentOf(at: number): number {
    const depth = this.rows[at]?.row.depth ?? 0;
    for (let above = at - 1; above >= 0; above--)
      if ((this.rows[above]?.row.depth ?? 0) < depth) return above;
    return at;
  }
}

const EMPTY: Readonly<Record<Shown, string>> = {
  all: "Neither run has a span yet.",
  differing: "Nothing differs but the times.",
  a: "Every span of run A is in run B too.",
  b: "Every span of run B is in run A too.",
};

function header(): HTMLElement {
  const groups = HEADS.map((name) => {
    const letters = name === "tokens" ? ["A", "B"] : ["A", "B", "±"];
    const cells = letters.map((letter) => h("span", {}, letter));
    return h("div", { class: `compare-head-${name}` }, h("b", {}, name), ...cells);
  });
  const legend = h(
    "div",
    { class: "compare-bars-head" },
    h("i", { class: "compare-bar", "data-run": "a" }),
    "A",
    h("i", { class: "compare-bar", "data-run": "b" }),
    "B, each from its own start",
  );
  const name = h("div", { class: "compare-name" }, "span");
  return h("div", { class: "compare-head", "aria-hidden": "true" }, name, legend, ...groups);
}
