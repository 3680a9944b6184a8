/**
 * Parents and children of a run's spans, ordered by start, with sums over each branch. Pure data, no DOM.
 *
 * Spans arrive in any order. A parent that has not arrived is a placeholder node at the top; when it comes
 * it takes its children with it. A loop of parents is cut where it was closed, so every span stays visible.
 */

/** What one span adds to the sums of its branch. */
export interface Share {
  /** nano-USD */
  readonly cost: number;
  readonly priced: number;
  readonly unpriced: number;
  readonly errors: number;
  /** 1 for an ended LLM attempt, and for a span that tells what the attempts within it came to. */
  readonly llm: number;
}

export type Totals = { -readonly [K in keyof Share]: Share[K] };

const NOTHING: Share = { cost: 0, priced: 0, unpriced: 0, errors: 0, llm: 0 };

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
  own: Share;
  /** Sums over the node and everything below it. */
  readonly total: Totals;
  /** It stands for spans below this one that are not here; "" for those without a parent. */
  readonly foldOf?: string;
}

/** Behind every span that has a start. */
const LAST = Number.MAX_SAFE_INTEGER;
const FOLD = "fold:";

function before(a: TreeNode, b: TreeNode): boolean {
  return a.start < b.start || (a.start === b.start && a.id < b.id);
}

/** Where `node` belongs among its siblings. Starts mostly grow, so the end is looked at first. */
function position(siblings: readonly TreeNode[], node: TreeNode): number {
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

/**
 * An LLM call with an ended one below it is a library's wrapper: its price is the attempt's, told twice. The run script
 * and the command line have their own copies of this rule; all are held to `tests/golden/rules/wrapping.json`.
 */
function counted(node: TreeNode): Share {
  const isWrapper = node.total.llm > node.own.llm;
  return isWrapper ? { ...node.own, cost: 0, priced: 0, unpriced: 0 } : node.own;
}

/** Of what stands below it nothing is here. */
export function isFolded(node: TreeNode): boolean {
  return node.children.length === 1 && node.children[0]?.foldOf !== undefined;
}

export class TraceTree {
  readonly roots: TreeNode[] = [];
  private readonly nodes = new Map<string, TreeNode>();

  get size(): number {
    return this.nodes.size;
  }

  get(id: string): TreeNode | undefined {
    return this.nodes.get(id);
  }

  clear(): void {
    this.nodes.clear();
    this.roots.length = 0;
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
      return;
    }
    if (!held) this.attach(this.create(id, LAST, false, parentId), this.nodes.get(parentId) ?? null);
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
    const siblings = parent ? parent.children : this.roots;
    const guess = position(siblings, node);
    const at = siblings[guess] === node ? guess : siblings.indexOf(node);
    if (at >= 0) siblings.splice(at, 1);
    node.parent = null;
    this.carryUp(parent, difference(NOTHING, node.total));
    if (parent && !parent.known && parent.children.length === 0) {
      this.detach(parent);
      this.nodes.delete(parent.id);
    }
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

function isNothing(share: Share): boolean {
  return (
    share.cost === 0 && share.priced === 0 && share.unpriced === 0 && share.errors === 0 && share.llm === 0
  );
}

function sum(a: Share, b: Share): Share {
  return {
    cost: a.cost + b.cost,
    priced: a.priced + b.priced,
    unpriced: a.unpriced + b.unpriced,
    errors: a.errors + b.errors,
    llm: a.llm + b.llm,
  };
}

function difference(a: Share, b: Share): Share {
  return {
    cost: a.cost - b.cost,
    priced: a.priced - b.priced,
    unpriced: a.unpriced - b.unpriced,
    errors: a.errors - b.errors,
    llm: a.llm - b.llm,
  };
}

function add(totals: Totals, change: Share): void {
  totals.cost += change.cost;
  totals.priced += change.priced;
  totals.unpriced += change.unpriced;
  totals.errors += change.errors;
  totals.llm += change.llm;
}
