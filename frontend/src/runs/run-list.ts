/** The runs that are listed: pages from the service, kept up to date by its push, or by asking while there is none. */

import { backoffMs } from "../connection/backoff";
import { type Api, ProblemError } from "../service/api";
import type { RunNews, RunSummary } from "../service/wire";
import { EVERY_RUN, type RunFilter, rankOf, runQuery } from "./run-filter";

const PAGE = 50;
/** The service answers no more at once. */
const LARGEST_PAGE = 200;
/** Runs that the page holds; who looks for older ones narrows the filter. */
export const MOST_LISTED = 500;
const ASK_MS = 2_000;
const ASK_HIDDEN_MS = 10_000;

export interface RunListListener {
  changed(): void;
  failed(reason: string): void;
}

/** Makes the stream of changes; a test brings its own. */
export type OpenStream = (url: string) => EventSource;

export class RunList {
  filter: RunFilter = EVERY_RUN;
  loading = false;
  /** The runs that are listed are those of the filter before. */
  outdated = false;
  /** Where the service has not looked through all runs for those that are wanted: through how many; 0 where nobody counts. */
  lookedAt: number | undefined;
  private readonly api: Api;
  private readonly listener: RunListListener;
  private readonly openStream: OpenStream;
  private readonly byId = new Map<string, RunSummary>();
  /** What was pushed while an answer is on its way, which may be older: the last of each run; null is one that is gone. */
  private readonly pushed = new Map<string, RunSummary | null>();
  private cursor: string | null = null;
  private sorted: number | undefined;
  /** How many runs were paged through. */
  private depth = PAGE;
  private paging = false;
  private stream: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private hidden = false;
  /** Counts filters and reloads: an answer to an older question is not taken. */
  private question = 0;

  constructor(api: Api, listener: RunListListener, openStream: OpenStream = (url) => new EventSource(url)) {
    this.api = api;
    this.listener = listener;
    this.openStream = openStream;
  }

  /** In the order that is asked for; of equals the newest first, of one microsecond by id, as the service orders them. */
  get runs(): RunSummary[] {
    const { sort } = this.filter;
    const nowUs = this.api.nowUs();
    return [...this.byId.values()].sort(
      (a, b) =>
        rankOf(b, sort, nowUs) - rankOf(a, sort, nowUs) ||
        (b.start ?? 0) - (a.start ?? 0) ||
        (a.run_id < b.run_id ? 1 : -1),
    );
  }

  /** So many of the newest runs were put in order, where there are more; undefined where these are all. */
  get sortedOf(): number | undefined {
    return this.sorted;
  }

  get hasOlder(): boolean {
    return this.cursor !== null && this.byId.size < MOST_LISTED;
  }

  get isFull(): boolean {
    return this.cursor !== null && this.byId.size >= MOST_LISTED;
  }

  /** A hidden page gives its stream back: a browser has six connections for all of its tabs. */
  follow(hidden: boolean): void {
    this.hidden = hidden;
    this.stream?.close();
    this.stream = null;
    this.askNoMore();
    if (hidden) {
      this.askLater(ASK_HIDDEN_MS);
      return;
    }
    const stream = this.openStream(`/api/runs/events${this.query()}`);
    this.stream = stream;
    // What happened before the stream stood is in the page that is taken now.
    stream.addEventListener("open", () => void this.reload());
    stream.addEventListener("runs", (event) => this.take(JSON.parse((event as MessageEvent<string>).data)));
    stream.addEventListener("error", () => {
      if (this.stream !== stream) return;
      // The browser comes again by itself, unless the service refused; either way one asks meanwhile.
      if (stream.readyState === 2) this.stream = null;
      // It may come again and fail sooner than one asks.
      if (this.timer === undefined) this.askLater(ASK_MS);
    });
  }

  narrow(filter: RunFilter): void {
    this.filter = filter;
    this.outdated = true;
    this.depth = PAGE;
    this.pushed.clear();
    this.follow(this.hidden);
    void this.reload();
  }

  /** Takes the list anew, as far down as it was paged through. */
  async reload(): Promise<void> {
    const question = ++this.question;
    if (!this.loading) this.pushed.clear();
    this.loading = true;
    this.askNoMore();
    try {
      const limit = String(Math.min(LARGEST_PAGE, this.depth));
      const page = await this.api.runs(this.query({ limit }));
      if (question !== this.question) return;
      this.byId.clear();
      for (const run of page.runs) this.byId.set(run.run_id, run);
      this.cursor = page.next_cursor;
      this.putPushed();
      this.sorted = page.sorted_all === false ? page.sorted_of : undefined;
      this.lookedAt = page.looked_at;
      this.outdated = false;
      this.failures = 0;
      this.loading = false;
      this.listener.changed();
      if (this.stream === null) this.askLater(this.hidden ? ASK_HIDDEN_MS : ASK_MS);
    } catch (error) {
      if (question !== this.question) return;
      this.loading = false;
      this.failures += 1;
      this.listener.failed(error instanceof ProblemError ? error.message : "The service cannot be reached");
      this.askLater(Math.max(ASK_MS, backoffMs(this.failures)));
    }
  }

  /** Takes the next page. A page may be empty and still have a next one, where a filter is hard to fulfil. */
  async older(): Promise<void> {
    if (this.paging || !this.hasOlder || this.cursor === null) return;
    // Now, not when the answer is here: a list that is taken anew meanwhile goes as far down.
    this.depth += PAGE;
    if (this.loading) return this.reload();
    const question = this.question;
    this.pushed.clear();
    this.paging = true;
    this.loading = true;
    this.listener.changed();
    try {
      const more = { limit: String(PAGE), cursor: this.cursor };
      const page = await this.api.runs(this.query(more));
      if (question !== this.question) return;
      for (const run of page.runs) this.byId.set(run.run_id, run);
      this.cursor = page.next_cursor;
      this.putPushed();
      const looked = page.looked_at;
      this.lookedAt = looked === undefined ? undefined : this.lookedAt ? this.lookedAt + looked : 0;
    } catch {
      // The button is still there.
    } finally {
      this.paging = false;
      if (question === this.question) this.loading = false;
      this.listener.changed();
    }
  }

  take(news: RunNews): void {
    if (news.reset) {
      void this.reload();
      return;
    }
    if (this.loading) {
      for (const run of news.runs) this.pushed.set(run.run_id, run);
      for (const runId of news.removed) this.pushed.set(runId, null);
    }
    this.put(news.runs, news.removed);
    this.listener.changed();
  }

  /** Takes out a run that was deleted here; the service confirms it later. */
  forget(runId: string): void {
    if (this.loading) this.pushed.set(runId, null);
    if (this.byId.delete(runId)) this.listener.changed();
  }

  private put(runs: Iterable<RunSummary>, removed: Iterable<string>): void {
    const { sort } = this.filter;
    const nowUs = this.api.nowUs();
    const last = this.runs.at(-1);
    const least = this.cursor === null || !last ? 0 : rankOf(last, sort, nowUs);
    for (const run of runs) {
      // What comes after the last one shown belongs to a page that is not here yet.
      if (this.byId.has(run.run_id) || rankOf(run, sort, nowUs) >= least) this.byId.set(run.run_id, run);
    }
    for (const runId of removed) this.byId.delete(runId);
    for (const run of this.runs.slice(MOST_LISTED)) this.byId.delete(run.run_id);
  }

  /** Puts what was pushed over an answer. */
  private putPushed(): void {
    const pushed = [...this.pushed];
    this.pushed.clear();
    this.put(
      pushed.flatMap(([, run]) => run ?? []),
      pushed.flatMap(([runId, run]) => (run === null ? runId : [])),
    );
  }

  private query(more: Readonly<Record<string, string>> = {}): string {
    return runQuery(this.filter, this.api.nowUs(), more);
  }

  private askLater(ms: number): void {
    this.askNoMore();
    this.timer = setTimeout(() => {
      this.timer = undefined;
      if (this.stream === null && !this.hidden) this.follow(false);
      void this.reload();
    }, ms);
  }

  private askNoMore(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
  }
}
