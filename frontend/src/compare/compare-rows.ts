/** Which rows of a comparison are in sight. Pure. */
import type { ComparedRow } from "../service/wire-compare";

export const SHOWN = ["all", "differing", "a", "b"] as const;
/** Everything, what differs (also what only one run has), what only the one or only the other has. */
export type Shown = (typeof SHOWN)[number];

/** The id of a row: that of its span in the first run, else in the second. */
export function rowId(row: ComparedRow): string {
  return row.a ? row.a.span_id : `b:${row.b?.span_id}`;
}

export function isShown(row: ComparedRow, shown: Shown): boolean {
  if (shown === "all") return true;
  if (shown === "a") return row.b === null;
  if (shown === "b") return row.a === null;
  return row.a === null || row.b === null || row.changed.length > 0;
}

export interface VisibleRow {
  readonly row: ComparedRow;
  readonly id: string;
  readonly hasChildren: boolean;
  /** It is here only for those below it. */
  readonly isContext: boolean;
}

/** The rows that are shown, with those that lead to them, without what is collapsed. One pass from the end on. */
export function visibleRows(
  rows: readonly ComparedRow[],
  shown: Shown,
  collapsed: ReadonlySet<string>,
): VisibleRow[] {
  const needed = new Uint8Array(rows.length);
  const leadsTo: boolean[] = []; // by depth: a row that is shown comes below the next row of that depth
  for (let at = rows.length - 1; at >= 0; at--) {
    const row = rows[at] as ComparedRow;
    const shows = isShown(row, shown);
    if (!shows && !leadsTo[row.depth]) continue;
    needed[at] = shows ? 1 : 2;
    leadsTo[row.depth] = false;
    if (row.depth > 0) leadsTo[row.depth - 1] = true;
  }
  const found: VisibleRow[] = [];
  let hiddenBelow = Number.POSITIVE_INFINITY;
  rows.forEach((row, at) => {
    if (row.depth > hiddenBelow || needed[at] === 0) return;
    const id = rowId(row);
    const next = rows[at + 1];
    hiddenBelow = collapsed.has(id) ? row.depth : Number.POSITIVE_INFINITY;
    found.push({
      row,
      id,
      hasChildren: next !== undefined && next.depth > row.depth,
      isContext: needed[at] === 2,
    });
  });
  return found;
}

/** The longer of both runs, µs from their starts: what the bars are drawn on. */
export function lengthOf(
  a: { start?: number | null; end?: number | null },
  b: { start?: number | null; end?: number | null },
  nowUs: number,
): number {
  const length = (run: { start?: number | null; end?: number | null }): number =>
    typeof run.start === "number" ? Math.max(0, (run.end ?? nowUs) - run.start) : 0;
  return Math.max(1, length(a), length(b));
}
