/** The tree as the rows that are visible. Pure, but for the depth, which is set on each row's node. */
import { isFolded, type TraceTree, type TreeNode } from "../../tree";

/**
 * One pass over the visible nodes, without recursion: a trace may be thousands of levels deep. It makes no object but
 * the list: of a run of 100,000 spans it is made ten times a second.
 */
export function visibleRows(tree: TraceTree, collapsed: ReadonlySet<string>): TreeNode[] {
  const rows: TreeNode[] = [];
  const stack: TreeNode[] = tree.roots.toReversed();
  for (let node = stack.pop(); node; node = stack.pop()) {
    node.depth = node.parent ? node.parent.depth + 1 : 0;
    rows.push(node);
    const { children } = node;
    if (children.length === 0 || collapsed.has(node.id) || isFolded(node)) continue;
    for (let i = children.length - 1; i >= 0; i--) stack.push(children[i] as TreeNode);
  }
  return rows;
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

/** The row of the span that began last. */
export function newestRow(rows: readonly TreeNode[]): number {
  let newest = 0;
  let start = Number.NEGATIVE_INFINITY;
  rows.forEach((node, at) => {
    if (node.start < start) return;
    start = node.start;
    newest = at;
  });
  return newest;
}
