/** A call that may go on to another backend, as one thing: who was asked, why it went on, who served it in the end. Pure. */
import type { SpanState } from "../service/wire";
import { isUnpriced, type RunStore } from "../store";
import { costNano } from "../text/format";
import { isExpected, reasonWords } from "../text/reasons";
import type { TreeNode } from "../tree";

export type Outcome = "served" | "failed" | "passed" | "running" | "cancelled" | "abandoned";

export interface Attempt {
  /** Its span; empty where it has none that is known: only the attempt after it tells of it. */
  id: string;
  span: SpanState;
  outcome: Outcome;
  /** Why the chain went on to the next one, as the code says it; empty where it did not, or does not say. */
  reason: string;
  /** Nothing was asked of it: not installed, over budget, failed lately. */
  expected: boolean;
  nano: number | undefined;
  unpriced: boolean;
}

export interface Chain {
  /** The group's span; null where the attempts stand without one. */
  groupId: string | null;
  attempts: Attempt[];
  /** The attempt that answered. */
  served: Attempt | undefined;
}

type Known = Pick<RunStore, "spans" | "tree" | "reasons">;

/** The chain that a span is the group of, or an attempt in; null where there was one attempt and no more. */
export function chainOf(store: Known, spanId: string): Chain | null {
  const node = store.tree.get(spanId);
  const span = store.spans.get(spanId);
  if (!node || !span) return null;
  const isGroup = span.kind === "llm_group";
  if (!isGroup && span.kind !== "llm_call") return null;
  const group = isGroup ? node : node.parent;
  const isGrouped = group !== null && store.spans.get(group.id)?.kind === "llm_group";
  const calls = (group?.children ?? []).filter((each) => store.spans.get(each.id)?.kind === "llm_call");
  const nodes = isGrouped ? calls : linked(store, calls, spanId);
  const stated = isGrouped ? reasonsOf(store.spans.get(group.id)) : new Map<string, string>();
  const attempts = withLeftOut(nodes.map((each, at) => attemptOf(store, each, nodes[at + 1], stated)));
  if (attempts.length === 0 || (attempts.length === 1 && !isGroup)) return null;
  const served = attempts.findLast((each) => each.outcome === "served");
  return { groupId: isGrouped ? group.id : null, attempts, served };
}

/** More calls in one group are no chain of backends; the rows are drawn again while one scrolls. */
const MOST_IN_ROW = 32;

/**
 * What stands in the row of a span: of a group its whole chain, of an attempt without a group whom it took over from.
 * Null where no backend was left.
 */
export function rowChain(store: Known, node: TreeNode): Chain | null {
  const span = store.spans.get(node.id);
  if (span?.kind === "llm_group") {
    const chain = node.children.length <= MOST_IN_ROW ? chainOf(store, node.id) : null;
    return chain && chain.attempts.length > 1 ? chain : null;
  }
  if (span?.kind !== "llm_call" || span.fallback_from === undefined) return null;
  if (node.parent && store.spans.get(node.parent.id)?.kind === "llm_group") return null;
  const own = attemptOf(store, node, undefined, new Map());
  const attempts = withLeftOut([own]);
  return { groupId: null, attempts, served: own.outcome === "served" ? own : undefined };
}

/** Attempts without a group around them: each says from whom it took over. */
function linked(store: Known, calls: readonly TreeNode[], spanId: string): TreeNode[] {
  const span = (node: TreeNode | undefined) => (node ? store.spans.get(node.id) : undefined);
  const follows = (at: number) => {
    const from = span(calls[at])?.fallback_from;
    return from !== undefined && from === span(calls[at - 1])?.backend;
  };
  const at = calls.findIndex((each) => each.id === spanId);
  let first = at;
  while (first > 0 && follows(first)) first--;
  let end = at + 1;
  while (end < calls.length && follows(end)) end++;
  return calls.slice(first, end);
}

/** A backend that is known to be missing has no span: the attempt after it says that it took over from there. */
function withLeftOut(made: readonly Attempt[]): Attempt[] {
  const all: Attempt[] = [];
  for (const attempt of made) {
    const { fallback_from: backend, fallback_reason: reason = "" } = attempt.span;
    if (backend !== undefined && !all.some((each) => each.span.backend === backend))
      all.push(leftOut(backend, reason));
    all.push(attempt);
  }
  return all;
}

function leftOut(backend: string, reason: string): Attempt {
  const expected = isExpected(reason);
  const span: SpanState = { span_id: "", backend };
  return {
    id: "",
    span,
    outcome: expected ? "passed" : "failed",
    reason,
    expected,
    nano: undefined,
    unpriced: false,
  };
}

/** What the group's events say of each backend that was left. */
function reasonsOf(group: SpanState | undefined): Map<string, string> {
  const reasons = new Map<string, string>();
  for (const { name, attributes } of group?.span_events ?? []) {
    const from = attributes?.["spantail.fallback.from"];
    const reason = attributes?.["spantail.fallback.reason"];
    if (name === "llm_call_fallback" && typeof from === "string" && typeof reason === "string")
      reasons.set(from, reason);
  }
  return reasons;
}

function attemptOf(
  store: Known,
  node: TreeNode,
  next: TreeNode | undefined,
  stated: ReadonlyMap<string, string>,
): Attempt {
  const span = store.spans.get(node.id) ?? { span_id: node.id };
  const after = next && store.spans.get(next.id);
  const left =
    after?.fallback_from === undefined || after.fallback_from === span.backend
      ? after?.fallback_reason
      : undefined;
  const reason =
    left ?? (next ? stated.get(span.backend ?? "") : undefined) ?? store.reasons.get(node.id) ?? "";
  const outcome = outcomeOf(span);
  return {
    id: node.id,
    span,
    outcome,
    reason: outcome === "served" ? "" : reason,
    expected: outcome === "passed" || isExpected(reason),
    nano: costNano(span),
    unpriced: isUnpriced(span),
  };
}

function outcomeOf({ status }: SpanState): Outcome {
  if (status === "ok") return "served";
  if (status === "error") return "failed";
  if (status === "skipped") return "passed";
  return status ?? "running";
}

const OUTCOME_WORDS: Readonly<Record<Outcome, string>> = {
  served: "served",
  failed: "failed",
  passed: "skipped",
  running: "running",
  cancelled: "cancelled",
  abandoned: "abandoned",
};

/** "skipped: not installed", "failed: rate limited". */
export function attemptWords({ outcome, reason, span }: Attempt): string {
  const why = reason ? reasonWords(reason) : outcome === "failed" ? (span.error?.message ?? "") : "";
  return [OUTCOME_WORDS[outcome], why].filter(Boolean).join(": ");
}

/** One line for a row: "claude_cli → langchain → openrouter". */
export function chainLine({ attempts }: Chain): string {
  return attempts.map(({ span }) => span.backend ?? "?").join(" → ");
}

/** What the chain came to, in a sentence. */
export function chainSentence({ attempts, served }: Chain): string {
  const passed = attempts.filter(
    (each) => each.outcome === "passed" || (each.expected && each.outcome === "failed"),
  );
  const failed = attempts.filter((each) => each.outcome === "failed" && !each.expected);
  const names = (list: readonly Attempt[]) =>
    list.map(({ span }) => span.backend ?? "a backend").join(" and ");
  const asking = attempts.some((each) => each.outcome === "running");
  const end = served
    ? `Served by ${served.span.backend ?? "a backend"}`
    : asking
      ? "Still being asked"
      : "No backend answered";
  const joint = served || asking ? " after " : ": ";
  const parts = [failed.length > 0 ? `${end}${joint}${names(failed)} failed` : end];
  if (passed.length > 0)
    parts.push(`${names(passed)} ${passed.length > 1 ? "were" : "was"} skipped, as expected`);
  return `${parts.join("; ")}.`;
}

/** Whether a backend failed, so that another one had to serve the call; one that was passed over did not. */
export function isFallback({ attempts }: Pick<Chain, "attempts">): boolean {
  return attempts.slice(0, -1).some(({ outcome, expected }) => outcome === "failed" && !expected);
}

const EXPLAINED: Readonly<Record<string, string>> = {
  not_installed:
    "It is not installed here, so nothing was asked of it and nothing was paid: the chain went on, as it is meant to.",
  circuit_open:
    "It had failed several times, so it is left alone for a while: the chain went on at once instead of waiting.",
  budget: "This call could have gone over a limit, so it was not made.",
};

/** Why an attempt that looks like a failure is none; undefined where it is one. */
export function explanation({ reason }: Attempt): string | undefined {
  return Object.hasOwn(EXPLAINED, reason) ? EXPLAINED[reason] : undefined;
}
