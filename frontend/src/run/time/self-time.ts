/** How long a span worked itself: its time without that of its children. Pure. */
import type { SpanState } from "../../service/wire";
import type { TreeNode } from "../../tree";

export interface SelfTimeInput {
  readonly spans: ReadonlyMap<string, SpanState>;
  startOf(span: SpanState): number;
  endOf(span: SpanState): number;
}

/** Microseconds in which no child was open; undefined where the times of the span say nothing. */
export function selfTimeUs(node: TreeNode, input: SelfTimeInput): number | undefined {
  const span = input.spans.get(node.id);
  if (!span) return undefined;
  const from = input.startOf(span);
  const to = input.endOf(span);
  if (to < from) return undefined;
  const times: [number, number][] = [];
  let isSorted = true;
  for (const child of node.children) {
    const state = input.spans.get(child.id);
    if (!state) continue;
    const start = input.startOf(state);
    isSorted &&= start >= (times.at(-1)?.[0] ?? start);
    times.push([start, input.endOf(state)]);
  }
  // Siblings stand in the order of their starts, but for clocks that are adjusted.
  if (!isSorted) times.sort(([a], [b]) => a - b);
  let self = 0;
  let until = from;
  for (const [start, end] of times) {
    if (start >= to) break;
    if (start > until) self += start - until;
    until = Math.max(until, end);
  }
  return self + Math.max(0, to - until);
}
