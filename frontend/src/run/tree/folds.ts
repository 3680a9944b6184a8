/**
 * What of a large run is not here: the service says what is folded below each span of a window, and of that what is
 * here all the same is taken away. Pure.
 */
import type { Folded, TraceWindow } from "../../service/wire";
import type { Share, TraceTree, TreeNode } from "../../tree";

/** What is here of a branch, spans that are folded in it included. */
interface Branch {
  spans: number;
  running: number;
}

function branchOf(
  top: TreeNode,
  held: ReadonlySet<string>,
  running: ReadonlySet<string>,
  folded: ReadonlyMap<string, Folded>,
): Branch {
  const branch: Branch = { spans: 0, running: 0 };
  const stack = [top];
  for (let node = stack.pop(); node; node = stack.pop()) {
    if (node.foldOf !== undefined) {
      branch.spans += folded.get(node.foldOf)?.spans ?? 0;
      branch.running += folded.get(node.foldOf)?.running ?? 0;
    } else if (held.has(node.id)) {
      branch.spans++;
      if (running.has(node.id)) branch.running++;
    }
    for (const child of node.children) stack.push(child);
  }
  return branch;
}

export interface Held {
  readonly tree: TraceTree;
  readonly ids: ReadonlySet<string>;
  readonly running: ReadonlySet<string>;
  readonly folded: Map<string, Folded>;
}

/** Brings what is folded up to date with a window whose spans are in the tree. */
export function takeFolds(held: Held, window: TraceWindow): void {
  const inWindow = new Set(window.spans.map((span) => span.span_id));
  const tops = window.folded[""] === undefined ? [] : [""];
  // Children before parents: what is folded deeper down is known then.
  for (const id of [...inWindow, ...tops].reverse()) setFold(held, id, window.folded[id], inWindow);
}

function setFold(held: Held, id: string, answered: Folded | undefined, inWindow: ReadonlySet<string>): void {
  const before = held.folded.get(id);
  const left = answered && remaining(held, id, answered, inWindow);
  if (!left || left.spans <= 0) {
    held.folded.delete(id);
    held.tree.fold(id, undefined);
    return;
  }
  left.after = later(held.tree, before?.after ?? null, left.after);
  held.folded.set(id, left);
  held.tree.fold(id, shareOf(left));
}

function remaining(held: Held, id: string, answered: Folded, inWindow: ReadonlySet<string>): Folded {
  const left = { ...answered };
  const children = id === "" ? held.tree.roots : (held.tree.get(id)?.children ?? []);
  for (const child of children) {
    if (child.foldOf !== undefined || inWindow.has(child.id)) continue;
    const branch = branchOf(child, held.ids, held.running, held.folded);
    left.spans -= branch.spans;
    left.running -= branch.running;
    left.errors -= child.total.errors;
    left.llm -= child.total.llm;
    left.priced -= child.total.priced;
    left.unpriced -= child.total.unpriced;
    left.cost_nano -= child.total.cost;
  }
  // A span that came meanwhile is here, and not yet in what was answered.
  for (const name of ["running", "errors", "llm", "priced", "unpriced", "cost_nano"] as const)
    left[name] = Math.max(0, left[name]);
  return left;
}

/** Of two places in the order of siblings the one that is further on. */
function later(tree: TraceTree, one: string | null, other: string | null): string | null {
  if (one === null || other === null) return one ?? other;
  const [a, b] = [tree.get(one), tree.get(other)];
  if (!a || !b) return other;
  return a.start > b.start || (a.start === b.start && a.id > b.id) ? one : other;
}

export function shareOf(folded: Folded): Share {
  return {
    cost: folded.cost_nano,
    priced: folded.priced,
    unpriced: folded.unpriced,
    errors: folded.errors,
    llm: folded.llm,
  };
}
