/** Which rows of a tree to close, so that what somebody looks for can be seen and nothing else. Pure. */
import type { SpanState } from "../../service/wire";
import type { TraceTree, TreeNode } from "../../tree";
import { visibleRows } from "./rows";

export const GOALS = ["all", "errors", "running", "llm", "depth1", "depth2", "depth3"] as const;
export type Goal = (typeof GOALS)[number];

export const GOAL_WORDS: Readonly<Record<Goal, string>> = {
  all: "All rows",
  errors: "To errors",
  running: "To what runs",
  llm: "To LLM calls",
  depth1: "One level",
  depth2: "Two levels",
  depth3: "Three levels",
};

const NONE: ReadonlySet<string> = new Set();

/** The rows to close. Those above what is looked for stay open; where there is none of it, only the tops do. */
export function closedFor(goal: Goal, tree: TraceTree, spans: ReadonlyMap<string, SpanState>): Set<string> {
  if (goal === "all") return new Set();
  const rows = visibleRows(tree, NONE);
  const depth = goal === "depth1" ? 1 : goal === "depth2" ? 2 : goal === "depth3" ? 3 : undefined;
  const open =
    depth === undefined ? above(rows.filter((node) => isGoal(goal, spans.get(node.id)))) : undefined;
  const closed = new Set<string>();
  for (const node of rows) {
    if (node.children.length === 0) continue;
    const staysOpen = open ? open.has(node) || node.parent === null : node.depth < (depth ?? 0);
    if (!staysOpen) closed.add(node.id);
  }
  return closed;
}

function isGoal(goal: Goal, span: SpanState | undefined): boolean {
  if (!span) return false;
  if (goal === "errors") return span.status === "error";
  if (goal === "running") return (span.status ?? "running") === "running";
  return span.kind === "llm_call";
}

function above(goals: readonly TreeNode[]): Set<TreeNode> {
  const open = new Set<TreeNode>();
  for (const goal of goals) for (let at = goal.parent; at && !open.has(at); at = at.parent) open.add(at);
  return open;
}
