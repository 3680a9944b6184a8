/** What the calls on the page say about each backend, beside the sums of the service. Reads the store, no DOM. */
import type { RunStore } from "../store";
import { UNNAMED_BACKEND } from "../text/format";
import { fellBack } from "../text/reasons";

export interface BackendCalls {
  /** µs: half of the calls that were answered took no longer. */
  readonly medianUs: number | undefined;
  /** Calls that were answered. */
  readonly answered: number;
  /** Calls that have not ended. */
  readonly running: number;
  readonly failed: number;
  /** The earliest call that failed, and the earliest one that another backend took over. */
  readonly firstFailure: string | undefined;
  readonly firstFallback: string | undefined;
}

/** Every span is looked at, so not more often than this. */
const INTERVAL_MS = 1_000;

interface Gathered {
  lengths: number[];
  running: number;
  failed: number;
  failure: { start: number; id: string } | undefined;
  fallback: { start: number; id: string } | undefined;
}

export class BackendCallsReader {
  private store: RunStore | null = null;
  private version = -1;
  private readAt = Number.NEGATIVE_INFINITY;
  private found: ReadonlyMap<string, BackendCalls> = new Map();

  /** `nowMs` is any clock that only goes forward. */
  of(store: RunStore, nowMs: number): ReadonlyMap<string, BackendCalls> {
    const isOther = store !== this.store;
    if (isOther || (store.version !== this.version && nowMs - this.readAt >= INTERVAL_MS)) {
      this.store = store;
      this.version = store.version;
      // The head is drawn before the first span is here: a second later its figures would still be missing.
      this.readAt = store.spans.size > 0 ? nowMs : Number.NEGATIVE_INFINITY;
      this.found = backendCalls(store);
    }
    return this.found;
  }
}

export function backendCalls({ spans }: Pick<RunStore, "spans">): ReadonlyMap<string, BackendCalls> {
  const gathered = new Map<string, Gathered>();
  const of = (backend: string): Gathered => {
    const held = gathered.get(backend);
    if (held) return held;
    const made: Gathered = { lengths: [], running: 0, failed: 0, failure: undefined, fallback: undefined };
    gathered.set(backend, made);
    return made;
  };
  for (const span of spans.values()) {
    const { backend = UNNAMED_BACKEND, status, start = 0, end, fallback_from: from, span_id: id } = span;
    if (span.kind !== "llm_call") continue;
    const own = of(backend);
    if (status === "running") own.running++;
    else if (status === "ok" && typeof end === "number" && end >= start) own.lengths.push(end - start);
    else if (status === "error") {
      own.failed++;
      if (start < (own.failure?.start ?? Number.POSITIVE_INFINITY)) own.failure = { start, id };
    }
    if (from === undefined || !fellBack(span)) continue;
    const left = of(from);
    if (start < (left.fallback?.start ?? Number.POSITIVE_INFINITY)) left.fallback = { start, id };
  }
  return new Map(
    [...gathered].map(([backend, { lengths, running, failed, failure, fallback }]) => [
      backend,
      {
        medianUs: median(lengths),
        answered: lengths.length,
        running,
        failed,
        firstFailure: failure?.id,
        firstFallback: fallback?.id,
      },
    ]),
  );
}

function median(values: number[]): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = Float64Array.from(values).sort();
  return sorted[(sorted.length - 1) >> 1];
}
