/** The rows of the tree as they are seen: the ones in sight, the copies above them, the one the keyboard is at. */
import { byId } from "../../browser/dom";
import { anchorRow, rowIndex } from "../../run/tree/rows";
import type { TreeNode } from "../../tree";
import { WindowedList } from "../windowed";
import type { RowSource } from "./row-source";
import { StickyRows } from "./sticky-rows";
import { TraceRow } from "./trace-row";
import { TreeCursor } from "./tree-cursor";

const ROW_HEIGHT = 30;

export class ShownRows {
  readonly viewport = byId("trace-viewport");
  readonly cursor = new TreeCursor(this.viewport);
  /** All that could be scrolled to. */
  all: readonly TreeNode[] = [];
  private readonly source: RowSource;
  private readonly list: WindowedList<TreeNode>;
  private readonly sticky: StickyRows;

  constructor(source: RowSource, scrolled: () => void) {
    this.source = source;
    this.sticky = new StickyRows(source);
    this.list = new WindowedList<TreeNode>({
      viewport: this.viewport,
      canvas: byId("trace-rows"),
      rowHeight: ROW_HEIGHT,
      key: (node) => node.id,
      create: () => new TraceRow(source),
      onScroll: () => {
        this.scrollSticky();
        scrolled();
      },
      onResize: () => this.scrollSticky(),
    });
  }

  /** Another run. */
  clear(): void {
    this.all = [];
    this.list.setItems([], 0);
  }

  /**
   * Shows other rows. The first of the `held` spans that is in sight stays where it is, else the topmost row does;
   * where a `newest` row is given, the list moves on from there as far as needed to bring that into sight.
   */
  replace(rows: readonly TreeNode[], held: readonly (string | null)[], newest: number | null): void {
    const { scrollTop, viewHeight } = this.list;
    const anchorAt = anchorRow(this.all, held, { top: scrollTop, height: viewHeight, row: ROW_HEIGHT });
    const anchor = this.all[anchorAt];
    const index = anchor ? rowIndex(rows, anchor.id, anchorAt) : -1;
    this.all = rows;
    const kept = index >= 0 ? scrollTop + (index - anchorAt) * ROW_HEIGHT : scrollTop;
    this.list.setItems(rows, newest === null ? kept : this.list.topFor(newest, this.sticky.height, kept));
    this.viewport.setAttribute("aria-rowcount", String(rows.length));
  }

  /** Draws what is in sight again. */
  render(): void {
    this.source.cursorId = this.cursor.shown;
    this.list.render();
    this.drawSticky();
  }

  drawSticky(): void {
    this.scrollSticky();
    this.sticky.draw();
  }

  /** Where the view is now, in pixels from the top. */
  look(): number {
    this.list.look();
    return this.list.scrollTop;
  }

  /** Brings a row into sight, moving no more than needed. */
  reveal(index: number, covered = this.sticky.height): void {
    this.list.reveal(index, covered);
  }

  /** Puts a row in the middle when it is not in sight. */
  center(index: number): void {
    this.list.center(index, this.sticky.height);
  }

  /** The rows in sight. */
  inSight(): readonly TreeNode[] {
    const first = Math.floor(this.list.scrollTop / ROW_HEIGHT);
    return this.all.slice(first, first + this.list.pageRows + 2);
  }

  /** Rows that are seen at once. */
  get page(): number {
    return this.list.pageRows;
  }

  indexOf(id: string | null): number {
    return this.cursor.indexOf(id, this.all);
  }

  moveCursor(id: string): void {
    this.cursor.move(id, this.all);
  }

  /** Something in sight runs. */
  isGrowing(): boolean {
    return this.sticky.isGrowing || this.running().next().done !== true;
  }

  /** What runs grows with the clock. */
  grow(): void {
    for (const row of this.running()) row.grow();
    this.sticky.grow();
  }

  private *running(): Generator<TraceRow> {
    for (const row of this.list.rows()) if (row instanceof TraceRow && row.running) yield row;
  }

  private scrollSticky(): void {
    const { scrollTop } = this.list;
    // At the top nothing sticks: to ask for the height as well would lay the page out.
    this.sticky.scroll(this.all, scrollTop, scrollTop > 0 ? this.list.viewHeight : 0, ROW_HEIGHT);
  }
}
