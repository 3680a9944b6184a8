/** What a run had to wait for: had any of it been quicker, the run would have been. Pure. */
import type { SpanState } from "../../service/wire";
import type { TraceTree, TreeNode } from "../../tree";
import { rootOf } from "./extent";
import type { TimeWindow } from "./time-scale";

/** By span, the parts of its time that are on the path, the latest first. */
export type CriticalPath = ReadonlyMap<string, readonly TimeWindow[]>;

export interface CriticalInput {
  readonly tree: TraceTree;
  readonly spans: ReadonlyMap<string, SpanState>;
  startOf(span: SpanState): number;
  endOf(span: SpanState): number;
}

interface Timed extends TimeWindow {
  readonly node: TreeNode;
}

/** A span of which the time up to `until` is looked at; its children come with the latest end last. */
interface Step extends Timed {
  readonly children: Timed[];
  until: number;
}

/**
 * From the end of the root backwards, as Jaeger does: to the child that ended last before, down into it, and from its
 * start on in the parent again. What a child does after its parent's end does not count: nobody waited for it.
 */
export function criticalPath(input: CriticalInput): CriticalPath {
  const path = new Map<string, TimeWindow[]>();
  const rootId = rootOf(input.tree);
  const root = rootId === undefined ? undefined : timed(input.tree.get(rootId), input);
  if (!root) return path;
  const add = (id: string, from: number, to: number) => {
    if (to <= from) return;
    const parts = path.get(id);
    if (parts) parts.push({ from, to });
    else path.set(id, [{ from, to }]);
  };
  const stack: Step[] = [stepInto(root, input)];
  for (let step = stack.at(-1); step; step = stack.at(-1)) {
    let child = step.children.pop();
    while (child && child.to > step.until) child = step.children.pop();
    if (!child) {
      add(step.node.id, step.from, step.until);
      stack.pop();
      continue;
    }
    add(step.node.id, child.to, step.until);
    step.until = child.from;
    stack.push(stepInto(child, input));
  }
  return path;
}

function stepInto(span: Timed, input: CriticalInput): Step {
  const children: Timed[] = [];
  for (const node of span.node.children) {
    const child = timed(node, input);
    if (!child || child.from >= span.to || child.to <= span.from) continue;
    children.push({ node, from: Math.max(child.from, span.from), to: Math.min(child.to, span.to) });
  }
  // Of those that end together the one that began first was waited for longest.
  children.sort((a, b) => a.to - b.to || b.from - a.from);
  return { ...span, children, until: span.to };
}

function timed(node: TreeNode | undefined, input: CriticalInput): Timed | undefined {
  const span = node && input.spans.get(node.id);
  if (!node || !span) return undefined;
  const from = input.startOf(span);
  return { node, from, to: Math.max(from, input.endOf(span)) };
}
