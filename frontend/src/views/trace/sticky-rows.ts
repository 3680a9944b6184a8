/** Copies of the rows above the first one in sight: where one is in the tree, and the way back to its root. */
import { byId } from "../../browser/dom";
import { MOST_STICKY, stickyRows } from "../../run/tree/sticky";
import type { TreeNode } from "../../tree";
import { type RowContext, TraceRow } from "./trace-row";

/** Below this many rows in sight the copies would take their room. */
const LEAST_ROWS = 7;

export class StickyRows {
  /** Pixels of the rows that are covered. */
  height = 0;
  private readonly element = byId("trace-sticky");
  private readonly context: RowContext;
  private readonly rows: TraceRow[] = [];
  private shown: readonly TreeNode[] = [];

  constructor(context: RowContext) {
    this.context = context;
  }

  /** Follows the scroll position. */
  scroll(nodes: readonly TreeNode[], scrollTopPx: number, viewPx: number, rowPx: number): void {
    const isRoomy = viewPx >= LEAST_ROWS * rowPx && scrollTopPx > 0;
    const shown = isRoomy ? stickyRows(nodes, scrollTopPx, rowPx) : [];
    const isSame = shown.length === this.shown.length && shown.every((node, at) => node === this.shown[at]);
    if (isSame) return;
    this.shown = shown;
    this.height = shown.length * rowPx;
    while (this.rows.length < Math.min(shown.length, MOST_STICKY)) {
      const row = new TraceRow(this.context, { isCopy: true });
      this.rows.push(row);
      this.element.append(row.element);
    }
    this.rows.forEach(({ element }, at) => {
      element.hidden = at >= shown.length;
    });
    this.element.hidden = shown.length === 0;
    this.draw();
  }

  /** Follows what is known of the spans. */
  draw(): void {
    this.shown.forEach((node, at) => {
      this.rows[at]?.update(node, at);
    });
  }

  /** Something among them is running. */
  get isGrowing(): boolean {
    return this.rows.some((row) => !row.element.hidden && row.running);
  }

  /** What is running among them grows with the clock. */
  grow(): void {
    for (const row of this.rows) if (!row.element.hidden && row.running) row.grow();
  }
}
