/**
 * Parents and children of a run's spans, ordered by start, with sums over each branch. Pure data, no DOM.
 *
 * Spans arrive in any order. A parent that has not arrived is a placeholder node at the top; when it comes
 * it takes its children with it. A loop of parents is cut where it was closed, so every span stays visible.
 */

import { PreOrder } from "./run/tree/pre-order";
import { add, difference, isNothing, NOTHING, type Share, sum } from "./run/tree/shares";
import { position, type TreeNode } from "./run/tree/tree-node";

export type { Share } from "./run/tree/shares";
export { isFolded, type TreeNode } from "./run/tree/tree-node";

/** Behind every span that has a start. */
const LAST = Number.MAX_SAFE_INTEGER;
const FOLD = "fold:";

/**
 * An LLM call with an ended one below it is a library's wrapper: its price is that of the attempt, reported again. The
 * run script and the command line have their own copies of this rule; all of them are tested by
 * `tests/golden/rules/wrapping.json`.
 */
function counted(node: TreeNode): Share {
  const isWrapper = node.total.llm > node.own.llm;
  return isWrapper ? { ...node.own, cost: 0, priced: 0, unpriced: 0 } : node.own;
}

export class TraceTree {
  readonly roots: TreeNode[] = [];
  private readonly nodes = new Map<string, TreeNode>();
  private readonly order = new PreOrder(this);
  /** Nodes that stand for others: with them, a child more can bring a row that was not there. */
  private folds = 0;

  get size(): number {
    return this.nodes.size;
  }

  get(id: string): TreeNode | undefined {
    return this.nodes.get(id);
  }

  clear(): void {
    this.nodes.clear();
    this.roots.length = 0;
    this.folds = 0;
    this.order.forget();
  }

  /** All nodes as rows, parents before children, everything open. A list that was given before stays as it was. */
  rows(): readonly TreeNode[] {
    return this.order.all();
  }

  /** The node that began last; of several the one whose row is the last. */
  newest(): TreeNode | undefined {
    return this.order.newest();
  }

  siblingsOf(node: TreeNode): readonly TreeNode[] {
    return node.parent ? node.parent.children : this.roots;
  }

  /** Where a node stands among its siblings. */
  placeAmong(siblings: readonly TreeNode[], node: TreeNode): number {
    const guess = position(siblings, node);
    return siblings[guess] === node ? guess : siblings.indexOf(node);
  }

  /** Adds a span, or moves it when its parent or start has changed. */
  place(id: string, parentId: string | null | undefined, start: number): void {
    let node = this.nodes.get(id);
    if (node) {
      this.detach(node);
      node.known = true;
      node.start = start;
    } else {
      node = this.create(id, start, true);
    }
    node.cut = false;
    let parent: TreeNode | null = null;
    if (parentId) {
      parent = this.nodes.get(parentId) ?? this.placeholder(parentId, start);
      if (this.isBelow(parent, node)) {
        parent = null;
        node.cut = true;
      }
    }
    this.attach(node, parent);
  }

  /** Sets what a placed span adds to its branch. */
  measure(id: string, own: Share): void {
    const node = this.nodes.get(id);
    if (!node) return;
    const was = node.own;
    if (
      was.cost === own.cost &&
      was.priced === own.priced &&
      was.unpriced === own.unpriced &&
      was.errors === own.errors &&
      was.llm === own.llm
    ) {
      return;
    }
    const counts = counted(node);
    node.own = own;
    // `llm` goes first: whether the node is a wrapper depends on what stands below, which has not changed.
    node.total.llm += own.llm - was.llm;
    const now = counted(node);
    const change = difference(now, counts);
    add(node.total, { ...change, llm: 0 });
    this.carryUp(node.parent, change);
  }

  /** Has a node behind the children of a span stand for those that are not here; without a share there is none. */
  fold(parentId: string, share: Share | undefined): void {
    const id = FOLD + parentId;
    const held = this.nodes.get(id);
    if (share === undefined) {
      if (!held) return;
      this.detach(held);
      this.nodes.delete(id);
      this.folds--;
      return;
    }
    if (!held) {
      this.folds++;
      this.attach(this.create(id, LAST, false, parentId), this.nodes.get(parentId) ?? null);
    }
    this.measure(id, share);
  }

  private create(id: string, start: number, known: boolean, foldOf?: string): TreeNode {
    const node: TreeNode = {
      ...(foldOf === undefined ? {} : { foldOf }),
      id,
      start,
      parent: null,
      children: [],
      known,
      cut: false,
      depth: 0,
      at: -1,
      own: NOTHING,
      total: { ...NOTHING },
    };
    this.nodes.set(id, node);
    return node;
  }

  private placeholder(id: string, start: number): TreeNode {
    const node = this.create(id, start, false);
    this.attach(node, null);
    return node;
  }

  /** True when `node` is `ancestor` or stands below it. A node without children can have nothing below. */
  private isBelow(node: TreeNode, ancestor: TreeNode): boolean {
    if (node === ancestor) return true;
    if (ancestor.children.length === 0) return false;
    for (let at: TreeNode | null = node; at; at = at.parent) if (at === ancestor) return true;
    return false;
  }

  private attach(node: TreeNode, parent: TreeNode | null): void {
    node.parent = parent;
    this.noteChange(node);
    const siblings = parent ? parent.children : this.roots;
    siblings.splice(position(siblings, node), 0, node);
    this.carryUp(parent, node.total);
    if (parent && !parent.known && node.start < parent.start) {
      this.detach(parent);
      parent.start = node.start;
      this.attach(parent, null);
    }
  }

  private detach(node: TreeNode): void {
    const parent = node.parent;
    this.noteChange(node);
    const siblings = parent ? parent.children : this.roots;
    const at = this.placeAmong(siblings, node);
    if (at >= 0) siblings.splice(at, 1);
    node.parent = null;
    this.carryUp(parent, difference(NOTHING, node.total));
    if (parent && !parent.known && parent.children.length === 0) {
      this.detach(parent);
      this.nodes.delete(parent.id);
    }
  }

  private noteChange(node: TreeNode): void {
    if (this.folds > 0) this.order.forget();
    else this.order.note(node);
  }

  /** Adds a change to every ancestor; one that becomes a wrapper, or stops being one, changes it further. */
  private carryUp(from: TreeNode | null, change: Share): void {
    let carried = change;
    if (isNothing(carried)) return;
    for (let at = from; at; at = at.parent) {
      const counts = counted(at);
      at.total.llm += carried.llm;
      const own = difference(counted(at), counts);
      carried = { ...sum(carried, own), llm: carried.llm };
      add(at.total, { ...carried, llm: 0 });
    }
  }
}
