/**
 * What part of time a run takes. Pure.
 *
 * One span with a wrong clock may lie an hour off: an axis over all spans would show the others as a single line. So a
 * run's time is that of its root and of what lies near it; what lies far outside is counted, and can be shown on demand.
 */
import type { RunSummary, SpanState } from "../../service/wire";
import type { TraceTree } from "../../tree";
import { endOf, startOf } from "./span-times";

export interface Extent {
  /** Microseconds since the epoch. */
  readonly start: number;
  readonly end: number;
  /** Spans that lie outside of it as a whole. */
  readonly outside: number;
  /** Spans whose clock is thought wrong. */
  readonly skewed: number;
}

export interface ExtentInput {
  readonly spans: ReadonlyMap<string, SpanState>;
  readonly tree: TraceTree;
  /** Spans below which something is not here, see `idle-gaps.ts`. */
  readonly folded?: ReadonlyMap<string, unknown>;
  /** The first moment of any span. */
  readonly start?: number | undefined;
  /** The last one. */
  readonly latest: number;
}

/** A gap this many times as long as what was found so far does not belong to the run any more. */
const FAR = 10;
/** A run that has hardly begun says little about what is far. */
const LEAST_US = 1_000;

/**
 * The span that names the run: its earliest one without a parent, else the earliest whose parent is not here. The run
 * script has the same rule, so that the list and the head of a run agree.
 */
export function rootOf(tree: TraceTree): string | undefined {
  const root = tree.roots.find((node) => node.known && !node.cut);
  return (root ?? tree.roots.find((node) => !node.known)?.children[0] ?? tree.roots[0])?.id;
}

export interface RunTimes {
  readonly start: number | null;
  /** null: it has not ended, or nobody knows when. */
  readonly end: number | null;
}

/** When a run began and ended: as its root did. The spans of the page are newer than what the service listed. */
export function runTimes(
  run: Pick<RunSummary, "start" | "end"> | null,
  { spans, tree }: Pick<ExtentInput, "spans" | "tree">,
): RunTimes {
  const id = rootOf(tree);
  const root = id === undefined ? undefined : spans.get(id);
  return { start: root?.start ?? run?.start ?? null, end: root?.end ?? run?.end ?? null };
}

/** The time that a run takes. `all`: whatever lies how far off; `adjusts`: with the clocks adjusted. */
export function runExtent(input: ExtentInput, nowUs: number, adjusts: boolean, all: boolean): Extent | null {
  const { spans, tree, start: first, latest } = input;
  if (first === undefined) return null;
  const skewed = countSkewed(spans);
  const moves = adjusts && skewed > 0;
  const id = rootOf(tree);
  const root = id === undefined ? undefined : spans.get(id);
  const from = root ? startOf(root, adjusts) : first;
  const to = root ? Math.max(from, endOf(root, nowUs, adjusts)) : latest;
  const isNear = latest - first <= FAR * Math.max(to - from, LEAST_US);
  if (isNear && !moves) return { start: first, end: latest, outside: 0, skewed };
  const clusters = clustersOf(spans, nowUs, adjusts);
  const whole = [clusters[0]?.start ?? first, clusters.reduce((end, one) => Math.max(end, one.end), to)];
  const near = nearTo(clusters, from);
  const [start = first, end = latest] = all ? whole : [near.start, near.end];
  return { start, end, outside: spans.size - near.count, skewed };
}

function countSkewed(spans: ReadonlyMap<string, SpanState>): number {
  let skewed = 0;
  for (const span of spans.values()) if (span.clock_skew_us) skewed++;
  return skewed;
}

interface Cluster {
  readonly start: number;
  end: number;
  count: number;
}

/** Times in which at least one span is there, the earliest first, with how many spans are in each. */
function clustersOf(spans: ReadonlyMap<string, SpanState>, nowUs: number, adjusts: boolean): Cluster[] {
  const states = [...spans.values()];
  const starts = Float64Array.from(states, (span) => startOf(span, adjusts));
  const order = Uint32Array.from(states.keys()).sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0));
  const clusters: Cluster[] = [];
  let last: Cluster | undefined;
  for (const at of order) {
    const span = states[at];
    if (!span) continue;
    const start = starts[at] ?? 0;
    // Of one that ends before it starts, only the start is believed.
    const end = Math.max(start, endOf(span, nowUs, adjusts));
    if (last && start <= last.end) {
      last.end = Math.max(last.end, end);
      last.count++;
    } else {
      last = { start, end, count: 1 };
      clusters.push(last);
    }
  }
  return clusters;
}

/** The cluster at `from` with those beside it that are near, or that are more than it is. */
function nearTo(clusters: readonly Cluster[], from: number): Cluster {
  let low = clusters.findLastIndex((cluster) => cluster.start <= from);
  if (low < 0) low = 0;
  let high = low;
  const found: Cluster = { ...(clusters[low] ?? { start: from, end: from, count: 0 }) };
  let { start } = found;
  let before = 0;
  let after = 0;
  for (let at = 0; at < low; at++) before += clusters[at]?.count ?? 0;
  for (let at = high + 1; at < clusters.length; at++) after += clusters[at]?.count ?? 0;
  for (let grows = true; grows; ) {
    grows = false;
    const reach = FAR * Math.max(found.end - start, LEAST_US);
    const next = clusters[high + 1];
    if (next && (next.start - found.end <= reach || after > found.count)) {
      found.end = next.end;
      found.count += next.count;
      after -= next.count;
      high++;
      grows = true;
    }
    const previous = clusters[low - 1];
    if (previous && (start - previous.end <= reach || before > found.count)) {
      start = previous.start;
      found.count += previous.count;
      before -= previous.count;
      low--;
      grows = true;
    }
  }
  return { start, end: found.end, count: found.count };
}
