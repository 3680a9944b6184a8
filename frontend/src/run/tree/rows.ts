/** The tree as the rows that are visible. Pure, but for the depth, which is set on each row's node. */
import type { TraceTree, TreeNode } from "../../tree";
import { walked } from "./pre-order";

/** The rows that are in the list where some are closed. With none closed this is no pass over the tree. */
export function visibleRows(tree: TraceTree, closed: ReadonlySet<string>): readonly TreeNode[] {
  const all = tree.rows();
  return closed.size === 0 ? all : walked(tree.roots, closed);
}

/** Index of a span's row, searched outward from where it was: rows seldom move far. -1 when not visible. */
export function rowIndex(rows: readonly TreeNode[], id: string, near = 0): number {
  const from = Math.min(Math.max(0, near), rows.length);
  for (let i = from; i < rows.length; i++) if (rows[i]?.id === id) return i;
  for (let i = from - 1; i >= 0; i--) if (rows[i]?.id === id) return i;
  return -1;
}

/** The collapsed ancestors that hide a span, outermost last. */
export function hiddenBy(tree: TraceTree, id: string, collapsed: ReadonlySet<string>): string[] {
  const hiding: string[] = [];
  for (let at = tree.get(id)?.parent ?? null; at; at = at.parent)
    if (collapsed.has(at.id)) hiding.push(at.id);
  return hiding;
}

/**
 * The row that must not move when others come: the first of the `held` spans that is in sight, else the topmost row. -1
 * where the list is at its very top: new rows above the others come into sight there.
 */
export function anchorRow(
  rows: readonly TreeNode[],
  held: readonly (string | null)[],
  sight: { readonly top: number; readonly height: number; readonly row: number },
): number {
  const first = Math.ceil(sight.top / sight.row);
  const last = Math.min(rows.length - 1, Math.floor((sight.top + sight.height) / sight.row));
  for (const id of held) {
    if (!id) continue;
    for (let at = first; at <= last; at++) if (rows[at]?.id === id) return at;
  }
  return sight.top > 0 ? first : -1;
}

/** The row of the span that began last, in a list of all rows or of some. */
export function newestRow(tree: TraceTree, rows: readonly TreeNode[]): number {
  if (rows === tree.rows()) return tree.newest()?.at ?? 0;
  let newest = 0;
  let start = Number.NEGATIVE_INFINITY;
  rows.forEach((node, at) => {
    if (node.start < start) return;
    start = node.start;
    newest = at;
  });
  return newest;
}
