/** The tree as the rows that are visible. Pure. */
import type { TraceTree, TreeNode } from "./tree";

export interface Row {
  readonly node: TreeNode;
  readonly depth: number;
}

/** One pass over the visible nodes, without recursion: a trace may be thousands of levels deep. */
export function visibleRows(tree: TraceTree, collapsed: ReadonlySet<string>): Row[] {
  const rows: Row[] = [];
  const stack: Row[] = [];
  for (let i = tree.roots.length - 1; i >= 0; i--) push(stack, tree.roots[i], 0);
  for (let row = stack.pop(); row; row = stack.pop()) {
    rows.push(row);
    const { node, depth } = row;
    if (node.children.length === 0 || collapsed.has(node.id)) continue;
    for (let i = node.children.length - 1; i >= 0; i--) push(stack, node.children[i], depth + 1);
  }
  return rows;
}

function push(stack: Row[], node: TreeNode | undefined, depth: number): void {
  if (node) stack.push({ node, depth });
}

/** Index of a span's row, searched outward from where it was: rows seldom move far. -1 when not visible. */
export function rowIndex(rows: readonly Row[], id: string, near = 0): number {
  const from = Math.min(Math.max(0, near), rows.length);
  for (let i = from; i < rows.length; i++) if (rows[i]?.node.id === id) return i;
  for (let i = from - 1; i >= 0; i--) if (rows[i]?.node.id === id) return i;
  return -1;
}

/** The collapsed ancestors that hide a span, outermost last. */
export function hiddenBy(tree: TraceTree, id: string, collapsed: ReadonlySet<string>): string[] {
  const hiding: string[] = [];
  for (let at = tree.get(id)?.parent ?? null; at; at = at.parent)
    if (collapsed.has(at.id)) hiding.push(at.id);
  return hiding;
}
