/** Where one may want to go in a run: where an error began, what works now, what took longest, what cost most. Pure. */
import type { Jump, SpanState } from "../../service/wire";
import type { RunStore } from "../../store";
import { selfTimeUs } from "../time/self-time";
import { endOf, startOf } from "../time/span-times";
import { treeOrder } from "../tree/tree-order";

type Source = Pick<RunStore, "spans" | "tree" | "structure" | "running" | "errors" | "folded">;

/** How many of the slowest and dearest one goes through before it begins anew. */
const MOST = 20;

/**
 * The span to go to from `from`, or undefined where there is none of the kind.
 *
 * Errors and running spans come in the order of the tree, without those above them that fail or run on account of what
 * is below; the slowest by the time that is theirs alone, the dearest by what they cost themselves.
 */
export function jumpTo(store: Source, jump: Jump, from: string | null, nowUs: number): string | undefined {
  const ids = targets(store, jump, nowUs);
  if (jump === "slowest" || jump === "dearest") {
    const at = from === null ? -1 : ids.indexOf(from);
    return ids[(at + 1) % ids.length];
  }
  const order = treeOrder(store.tree);
  const place = from === null ? -1 : (order.get(from) ?? -1);
  return ids.find((id) => (order.get(id) ?? -1) > place) ?? ids[0];
}

/** All spans that a jump leads to, in the order in which it does. */
export function targets(store: Source, jump: Jump, nowUs: number): string[] {
  if (jump === "error") return inOrder(store, failedFirst(store));
  if (jump === "running") return inOrder(store, runningLast(store));
  const ranked = jump === "slowest" ? ownTimes(store, nowUs) : ownCosts(store);
  return ranked
    .sort(([a, by], [b, than]) => than - by || (a < b ? -1 : 1))
    .slice(0, MOST)
    .map(([id]) => id);
}

function inOrder(store: Source, ids: string[]): string[] {
  const order = treeOrder(store.tree);
  return ids.sort((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0));
}

/** Failed spans without a failed one below them: there it began. */
function failedFirst(store: Source): string[] {
  const ids: string[] = [];
  if (store.errors === 0) return ids;
  for (const [id, { status }] of store.spans) {
    const node = status === "error" ? store.tree.get(id) : undefined;
    if (node && node.total.errors === node.own.errors) ids.push(id);
  }
  return ids;
}

/** Running spans without a running child. */
function runningLast(store: Source): string[] {
  return [...store.running].filter(
    (id) => !store.tree.get(id)?.children.some((child) => store.running.has(child.id)),
  );
}

function ownCosts(store: Source): [string, number][] {
  const costs: [string, number][] = [];
  for (const id of store.spans.keys()) {
    const node = store.tree.get(id);
    // A library's wrapper around a call tells its price a second time.
    if (node && node.own.cost > 0 && node.total.llm <= node.own.llm) costs.push([id, node.own.cost]);
  }
  return costs;
}

function ownTimes(store: Source, nowUs: number): [string, number][] {
  const input = { spans: store.spans, startOf, endOf: (span: SpanState) => endOf(span, nowUs) };
  const times: [string, number][] = [];
  for (const id of store.spans.keys()) {
    const node = store.tree.get(id);
    // Of one whose children are not all here nobody can tell.
    if (!node || store.folded.has(id)) continue;
    const us = selfTimeUs(node, input) ?? 0;
    if (us > 0) times.push([id, us]);
  }
  return times;
}
