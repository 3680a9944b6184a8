/** A search in the run on the page: at once in what the page holds, and by the service in all the rest. No DOM. */
import { type Api, ProblemError } from "../../service/api";
import type { SearchHit, SearchMatch } from "../../service/wire";
import type { RunStore } from "../../store";
import { treeOrder } from "../tree/tree-order";
import { lineMatches, spanMatches, type Term, terms } from "./find-query";

/** While somebody types, the service is not asked for every letter. */
const TYPING_MS = 250;
/** A run that goes on is searched again, so often at most. */
const AGAIN_MS = 3_000;
/** What the page holds is looked through again, so often at most: of 100,000 spans it takes tens of milliseconds. */
const GATHER_MS = 500;
/** Answers that are asked for one after the other: of a very large run the first parts. */
const MAX_ANSWERS = 10;
/** Hits that are asked for: nobody goes through more, and each further page of them costs the service a whole search. */
const LIMIT = 1_000;

export interface Found {
  readonly id: string;
  /** Where, as far as the service said it. */
  readonly matches: readonly SearchMatch[];
}

/** What a search has found and by which words, for those who mark it. */
export interface Finding {
  readonly hits: readonly Found[];
  readonly terms: readonly Term[];
}

export class RunFind implements Finding {
  query = "";
  terms: readonly Term[] = [];
  /** In the order of the tree; of a run that is here in parts by start, which does not change as more of it comes. */
  hits: readonly Found[] = [];
  /** The service has not answered yet. */
  searching = false;
  /** The service has looked through all of the run; else there may be more. */
  whole = false;
  /** Log lines that were found and belong to no span. */
  loose = 0;
  problem = "";
  private readonly api: Pick<Api, "search">;
  private readonly changed: () => void;
  private runId = "";
  private store: RunStore | null = null;
  private answered: ReadonlyMap<string, SearchHit> = new Map();
  private timer: ReturnType<typeof setTimeout> | undefined;
  private abort: AbortController | null = null;
  private seenVersion = -1;
  private askedVersion = -1;
  private askedAtMs = 0;
  private gatheredAtMs = 0;
  /** Spans that the service has counted, where it has looked through all of the run. */
  private counted = 0;

  constructor(api: Pick<Api, "search">, changed: () => void) {
    this.api = api;
    this.changed = changed;
  }

  /** Searches in another run from now on. */
  open(runId: string, store: RunStore, query: string): void {
    this.close();
    this.runId = runId;
    this.store = store;
    this.set(query);
  }

  close(): void {
    this.set("");
    this.store = null;
  }

  set(query: string): void {
    if (query === this.query) return;
    clearTimeout(this.timer);
    this.abort?.abort();
    this.query = query;
    this.terms = terms(query);
    this.answered = new Map();
    this.problem = "";
    this.loose = 0;
    this.counted = 0;
    this.whole = false;
    this.searching = this.terms.length > 0;
    this.gather();
    if (this.searching) this.timer = setTimeout(() => void this.ask(), TYPING_MS);
    this.changed();
  }

  /** The run may have changed; cheap where it has not. */
  refresh(nowMs: number): void {
    const { store } = this;
    if (!store || this.terms.length === 0 || store.version === this.seenVersion) return;
    if (nowMs - this.gatheredAtMs < GATHER_MS) return;
    this.gatheredAtMs = nowMs;
    this.gather();
    if (!this.searching && store.version !== this.askedVersion && nowMs - this.askedAtMs > AGAIN_MS)
      void this.ask();
    this.changed();
  }

  /** How many spans there are at least; not all of very many are among the hits. */
  get total(): number {
    return Math.max(this.hits.length, this.counted);
  }

  indexOf(id: string | null): number {
    return this.hits.findIndex((hit) => hit.id === id);
  }

  /** The hit that follows a span in the tree, or with -1 the one in front of it; from the end it goes on at the start. */
  step(from: string | null, by: 1 | -1): Found | undefined {
    const { hits, store } = this;
    if (hits.length === 0) return undefined;
    const at = this.indexOf(from);
    if (at >= 0) return hits[(at + by + hits.length) % hits.length];
    const place = from !== null && store ? this.placeOf(from, store) : undefined;
    if (!store || place === undefined) return by > 0 ? hits[0] : hits.at(-1);
    const later = hits.findIndex(({ id }) => (this.placeOf(id, store) ?? Number.POSITIVE_INFINITY) > place);
    if (by > 0) return hits[Math.max(0, later)];
    return later < 0 ? hits.at(-1) : hits.at(later - 1);
  }

  private async ask(): Promise<void> {
    const { runId, query, store } = this;
    if (!store) return;
    const abort = new AbortController();
    this.abort = abort;
    this.askedVersion = store.version;
    this.askedAtMs = performance.now();
    const found = new Map<string, SearchHit>();
    let loose = 0;
    let total = 0;
    let cursor: string | null = null;
    try {
      for (let answers = 0; answers < MAX_ANSWERS; answers++) {
        const answer = await this.api.search(runId, query, LIMIT, cursor, abort.signal);
        if (abort.signal.aborted) return;
        for (const hit of answer.hits) {
          if (hit.span_id === null) loose++;
          else if (!found.has(hit.span_id)) found.set(hit.span_id, hit);
        }
        cursor = answer.next_cursor;
        if (answer.is_whole) total = answer.found - loose;
        if (cursor === null || found.size + loose >= LIMIT) break;
      }
      this.problem = "";
      this.whole = cursor === null || total > 0;
      this.counted = total;
      this.answered = found;
      this.loose = loose;
    } catch (error) {
      if (abort.signal.aborted) return;
      this.problem = error instanceof ProblemError ? error.message : "The service cannot be reached";
      this.whole = false;
    }
    this.searching = false;
    this.gather();
    this.changed();
  }

  /** What the page holds and what the service has answered, each span once. */
  private gather(): void {
    const { store, terms: wanted, answered } = this;
    this.seenVersion = store?.version ?? -1;
    if (!store || wanted.length === 0) {
      this.hits = [];
      return;
    }
    const ids = new Set<string>(answered.keys());
    for (const [id, span] of store.spans) {
      if (spanMatches(span, wanted)) ids.add(id);
      else if (ids.has(id) && isOfState(wanted)) ids.delete(id); // it has changed since
    }
    for (const event of store.tail) if (event.span_id && lineMatches(event, wanted)) ids.add(event.span_id);
    const place = (id: string) => this.placeOf(id, store) ?? Number.MAX_VALUE;
    this.hits = [...ids]
      .sort(
        (a, b) =>
          place(a) - place(b) ||
          (answered.get(a)?.start ?? 0) - (answered.get(b)?.start ?? 0) ||
          (a < b ? -1 : 1),
      )
      .map((id) => ({ id, matches: answered.get(id)?.matches ?? [] }));
  }

  private placeOf(id: string, store: RunStore): number | undefined {
    if (!store.whole) return treeOrder(store.tree).get(id);
    return store.spans.get(id)?.start ?? this.answered.get(id)?.start;
  }
}

/** Whether the terms are about states alone, all of which the page knows. */
function isOfState(wanted: readonly Term[]): boolean {
  return wanted.every(({ key }) => key === "is" || key === "status");
}
