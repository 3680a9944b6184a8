/** A node of the tree of spans, and its place among its siblings: by start. Pure. */
import type { Share, Totals } from "./shares";

export interface TreeNode {
  readonly id: string;
  /** Microseconds; a placeholder takes its earliest child's. */
  start: number;
  parent: TreeNode | null;
  readonly children: TreeNode[];
  /** False for a parent that is only known by its children. */
  known: boolean;
  /** True where the parent was left out because it is below this node. */
  cut: boolean;
  /** Levels above it, when it was last a visible row. */
  depth: number;
  /** Its row where all are open, when the rows were last asked for (`pre-order.ts`); -1 where it has none. */
  at: number;
  own: Share;
  /** Sums over the node and everything below it. */
  readonly total: Totals;
  /** It stands for spans below this one that are not here; "" for those without a parent. */
  readonly foldOf?: string;
}

function before(a: TreeNode, b: TreeNode): boolean {
  return a.start < b.start || (a.start === b.start && a.id < b.id);
}

/** Where `node` belongs among its siblings. Starts mostly grow, so the end is looked at first. */
export function position(siblings: readonly TreeNode[], node: TreeNode): number {
  const last = siblings[siblings.length - 1];
  if (last === undefined || before(last, node)) return siblings.length;
  let low = 0;
  let high = siblings.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    const sibling = siblings[middle];
    if (sibling !== undefined && before(sibling, node)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Of what stands below it nothing is here. */
export function isFolded(node: TreeNode): boolean {
  return node.children.length === 1 && node.children[0]?.foldOf !== undefined;
}
