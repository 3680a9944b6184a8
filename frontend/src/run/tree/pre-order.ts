/**
 * All nodes of a tree in the order of its rows, parents before children, with every one of them open. What has changed
 * since is inserted where it belongs: an event of a leaf moves its own row and no other is visited.
 */
import { isFolded, type TreeNode } from "./tree-node";

/** Changed nodes that are inserted one by one; with more of them the order is made anew. */
const MOST_CHANGED = 500;

/** The tree whose nodes are put in order. */
export interface OrderedTree {
  readonly roots: readonly TreeNode[];
  get(id: string): TreeNode | undefined;
  siblingsOf(node: TreeNode): readonly TreeNode[];
  /** Where a node stands among its siblings. */
  placeAmong(siblings: readonly TreeNode[], node: TreeNode): number;
}

export class PreOrder {
  private readonly tree: OrderedTree;
  private rows: readonly TreeNode[] = [];
  /** Attached, detached or moved since the rows were made. */
  private readonly changed = new Set<TreeNode>();
  private isAnew = false;
  /** Undefined where it has to be looked for. */
  private latest: TreeNode | undefined;

  constructor(tree: OrderedTree) {
    this.tree = tree;
  }

  /** The node was attached or detached. */
  note(node: TreeNode): void {
    if (this.isAnew) return;
    this.changed.add(node);
    if (this.changed.size > MOST_CHANGED) this.forget();
  }

  /** Nothing of the order holds any more. */
  forget(): void {
    this.isAnew = true;
    this.latest = undefined;
    this.changed.clear();
  }

  /** The rows as they are now. A list that was given before stays as it was. */
  all(): readonly TreeNode[] {
    if (this.isAnew) {
      this.isAnew = false;
      for (const node of this.rows) node.at = -1;
      this.rows = walked(this.tree.roots);
      number(this.rows, 0);
    } else if (this.changed.size > 0) {
      this.workIn();
      this.changed.clear();
    }
    return this.rows;
  }

  /** The node that began last; of several the one whose row is the last. */
  newest(): TreeNode | undefined {
    const rows = this.all();
    if (this.latest === undefined) for (const node of rows) this.latest = laterOf(this.latest, node);
    return this.latest;
  }

  private workIn(): void {
    const { rows } = this;
    const gone = this.takenOut();
    const added = this.putIn();
    const latestAt = this.latest?.at ?? -1;
    // It moves, alone or with a branch: another one may be the last of those that began when it did.
    if (gone.some(({ from, to }) => from <= latestAt && latestAt < to)) this.latest = undefined;
    const first = Math.min(gone[0]?.from ?? rows.length, added[0]?.at ?? rows.length);
    const next = rows.slice(0, first);
    let at = first;
    let left = 0;
    const copyTo = (end: number) => {
      while (at < end) {
        const range = gone[left];
        if (range && at >= range.from) {
          at = Math.max(at, range.to);
          left++;
        } else {
          const stop = range ? Math.min(end, range.from) : end;
          for (; at < stop; at++) next.push(rows[at] as TreeNode);
        }
      }
    };
    const news: TreeNode[] = [];
    for (const { at: place, top } of added) {
      copyTo(place);
      for (const node of walked([top])) {
        next.push(node);
        news.push(node);
      }
    }
    copyTo(rows.length);
    for (const { from, to } of gone) for (let row = from; row < to; row++) (rows[row] as TreeNode).at = -1;
    this.rows = next;
    number(next, first);
    if (this.latest) for (const node of news) this.latest = laterOf(this.latest, node);
  }

  /** Where the branches stood that have changed, in the order of their rows. */
  private takenOut(): { from: number; to: number }[] {
    const ranges: { from: number; to: number }[] = [];
    for (const { at } of this.changed) if (at >= 0) ranges.push({ from: at, to: this.endOf(at) });
    return ranges.sort((a, b) => a.from - b.from);
  }

  /** The row behind the branch that stands at a row. */
  private endOf(at: number): number {
    const { rows } = this;
    const depth = rows[at]?.depth ?? 0;
    let end = at + 1;
    while (end < rows.length && (rows[end] as TreeNode).depth > depth) end++;
    return end;
  }

  /** The branches to put in, each with the row in front of which it comes, in the order of their rows. */
  private putIn(): { at: number; top: TreeNode }[] {
    const tops: { at: number; top: TreeNode }[] = [];
    for (const node of this.changed) {
      if (this.tree.get(node.id) !== node || this.isWithinChanged(node)) continue;
      tops.push({ at: this.rowBehind(node), top: node });
    }
    return tops.sort((a, b) => a.at - b.at || (this.comesBefore(a.top, b.top) ? -1 : 1));
  }

  private isWithinChanged(node: TreeNode): boolean {
    for (let at = node.parent; at; at = at.parent) if (this.changed.has(at)) return true;
    return false;
  }

  /** The row of what comes after a branch and has not changed itself. */
  private rowBehind(node: TreeNode): number {
    for (let at: TreeNode | null = node; at; at = at.parent) {
      const siblings = this.tree.siblingsOf(at);
      for (let next = this.tree.placeAmong(siblings, at) + 1; next < siblings.length; next++) {
        const sibling = siblings[next] as TreeNode;
        if (!this.changed.has(sibling)) return sibling.at;
      }
    }
    return this.rows.length;
  }

  private comesBefore(a: TreeNode, b: TreeNode): boolean {
    const [above, other] = [pathTo(a), pathTo(b)];
    let level = 0;
    while (above[level] === other[level]) level++;
    const [one, two] = [above[level] as TreeNode, other[level] as TreeNode];
    const siblings = this.tree.siblingsOf(one);
    return this.tree.placeAmong(siblings, one) < this.tree.placeAmong(siblings, two);
  }
}

function pathTo(node: TreeNode): TreeNode[] {
  const path: TreeNode[] = [];
  for (let at: TreeNode | null = node; at; at = at.parent) path.push(at);
  return path.reverse();
}

function laterOf(held: TreeNode | undefined, node: TreeNode): TreeNode {
  if (!held) return node;
  return node.start > held.start || (node.start === held.start && node.at > held.at) ? node : held;
}

function number(rows: readonly TreeNode[], from: number): void {
  for (let at = from; at < rows.length; at++) (rows[at] as TreeNode).at = at;
}

const NONE: ReadonlySet<string> = new Set();

/** The rows of these branches, without what is closed. Without recursion: a trace may be thousands of levels deep. */
export function walked(tops: readonly TreeNode[], closed: ReadonlySet<string> = NONE): TreeNode[] {
  const rows: TreeNode[] = [];
  const stack: TreeNode[] = tops.toReversed();
  for (let node = stack.pop(); node; node = stack.pop()) {
    node.depth = node.parent ? node.parent.depth + 1 : 0;
    rows.push(node);
    const { children } = node;
    if (children.length === 0 || closed.has(node.id) || isFolded(node)) continue;
    for (let i = children.length - 1; i >= 0; i--) stack.push(children[i] as TreeNode);
  }
  return rows;
}
