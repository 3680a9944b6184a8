/** The tree as the rows that are visible. Pure, but for the depth, which is set on each row's node. */
import { isFolded, type TraceTree, type TreeNode } from "../tree";

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
