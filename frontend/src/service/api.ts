/** fetch() with what every call needs: a time limit, problem details as errors, and the service's clock. */

import { type Epoch, query } from "../connection/connection";
import { ServiceClock } from "./clock";
import { openingUrl, takeEarly } from "./early";
import { parseJson } from "./json";
import type {
  Frame,
  ImportAnswer,
  Jump,
  OperationsAnswer,
  Problem,
  RunCriticalPath,
  RunFacets,
  RunFlame,
  RunJump,
  RunMinimap,
  RunResult,
  RunSummary,
  RunsPage,
  RunTimes,
  SearchAnswer,
  Snapshot,
  SpanState,
  Spend,
  StartedRun,
  TraceWindow,
} from "./wire";
import type { Comparison } from "./wire-compare";
import type { SessionAnswer, SessionsPageAnswer, SpendAnswer, SpendBy } from "./wire-sessions";
import type {
  BreakersAnswer,
  Budget,
  BudgetsAnswer,
  Cancelled,
  NoticeRule,
  NoticesAnswer,
  QueueAnswer,
  QueuedRun,
  RuleChange,
  RunnersAnswer,
} from "./wire-work";

const TIMEOUT_MS = 15_000;
/** A snapshot of 100,000 spans on a slow link. */
const SNAPSHOT_TIMEOUT_MS = 60_000;

export class ProblemError extends Error {
  readonly status: number;
  readonly problem: Problem;

  constructor(status: number, problem: Problem) {
    super(problem.detail ?? problem.title ?? `HTTP ${status}`);
    this.name = "ProblemError";
    this.status = status;
    this.problem = problem;
  }
}

/** Which part of a run is wanted: below a span, so many levels, at most so many spans; `path`: with those above it. */
export interface WindowQuery {
  readonly root?: string;
  readonly depth?: number;
  readonly limit?: number;
  readonly after?: string;
  readonly path?: boolean;
}

/** What is in sight of a flame graph: time, how many pixels it takes, lanes; `span`: whose place is wanted. */
export interface FlameQuery {
  readonly from?: number;
  readonly to?: number;
  readonly width?: number;
  readonly first?: number;
  readonly lanes?: number;
  readonly span?: string;
  readonly adjust?: boolean;
}

/** Of the time that a run takes: with the clocks adjusted, with the spans that lie far off. */
export interface TimesQuery {
  readonly adjust: boolean;
  readonly all: boolean;
}

/** A run in small: time, in how many steps and lanes. */
export interface MinimapQuery {
  readonly from: number;
  readonly to: number;
  readonly width: number;
  readonly lanes: number;
  readonly adjust: boolean;
}

interface Options {
  readonly method?: string;
  readonly body?: unknown;
  readonly file?: Blob;
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

export class Api {
  private readonly clock = new ServiceClock();
  private readonly signedOut: () => void;

  /** `signedOut` is called when the service wants its token: the session is over, or there was none. */
  constructor(signedOut: () => void = () => {}) {
    this.signedOut = signedOut;
  }

  /** The service's clock in microseconds. */
  nowUs(): number {
    return (Date.now() + this.clock.aheadMs) * 1_000;
  }

  runs(query: string): Promise<RunsPage> {
    return this.json<RunsPage>(`/api/runs${query}`);
  }

  run(runId: string, signal?: AbortSignal): Promise<RunSummary> {
    return this.json<RunSummary>(`/api/runs/${runId}`, { signal });
  }

  /** What came of a run that the service or a runner has started. */
  result(runId: string, signal?: AbortSignal): Promise<RunResult> {
    return this.json<RunResult>(`/api/runs/${runId}/result`, { signal });
  }

  facets(): Promise<RunFacets> {
    return this.json<RunFacets>("/api/runs/facets");
  }

  spendToday(): Promise<Spend> {
    return this.json<Spend>("/api/spend?by=backend&days=1");
  }

  /** Sums by day, of the last `days`. */
  spend(by: SpendBy, days: number, signal?: AbortSignal): Promise<SpendAnswer> {
    return this.json<SpendAnswer>(`/api/spend?by=${by}&days=${days}`, { signal });
  }

  /** Sessions with `words` in their id, the last active one first; those after `cursor`. */
  sessions(
    words: string,
    limit: number,
    cursor: string | null,
    signal?: AbortSignal,
  ): Promise<SessionsPageAnswer> {
    const asked = new URLSearchParams({ limit: String(limit) });
    if (words) asked.set("q", words);
    if (cursor !== null) asked.set("cursor", cursor);
    return this.json<SessionsPageAnswer>(`/api/sessions?${asked}`, { signal });
  }

  /** One session with its runs in the order of their start; those behind `cursor`. */
  session(
    sessionId: string,
    limit: number,
    cursor: string | null,
    signal?: AbortSignal,
  ): Promise<SessionAnswer> {
    const asked = new URLSearchParams({ limit: String(limit) });
    if (cursor !== null) asked.set("cursor", cursor);
    return this.json<SessionAnswer>(`/api/sessions/${encodeURIComponent(sessionId)}?${asked}`, { signal });
  }

  async pinRun(runId: string, pinned: boolean): Promise<void> {
    await this.fetch(`/api/runs/${runId}/pin`, { method: pinned ? "POST" : "DELETE" });
  }

  async deleteRun(runId: string): Promise<void> {
    await this.fetch(`/api/runs/${runId}`, { method: "DELETE" });
  }

  importFile(file: Blob): Promise<ImportAnswer> {
    return this.json<ImportAnswer>("/api/runs/import", {
      method: "POST",
      file,
      timeoutMs: SNAPSHOT_TIMEOUT_MS,
    });
  }

  operations(): Promise<OperationsAnswer> {
    return this.json<OperationsAnswer>("/api/operations");
  }

  start(url: string, body: unknown): Promise<StartedRun> {
    return this.json<StartedRun>(url, { method: "POST", body });
  }

  async snapshot(runId: string, signal?: AbortSignal): Promise<Snapshot> {
    const options = { signal, timeoutMs: SNAPSHOT_TIMEOUT_MS };
    // The tree has no attributes, whose numbers would be rounded; and it may be large.
    return (await (await this.fetch(`/api/traces/${runId}?fields=tree`, options)).json()) as Snapshot;
  }

  /** A run to be opened: all of it, or the first part of one that is too large. */
  async opening(runId: string, signal?: AbortSignal): Promise<Snapshot | TraceWindow> {
    const options = { signal, timeoutMs: SNAPSHOT_TIMEOUT_MS };
    return (await (await this.fetch(openingUrl(runId), options)).json()) as Snapshot | TraceWindow;
  }

  /** Two runs side by side. */
  async compare(runId: string, otherId: string, signal?: AbortSignal): Promise<Comparison> {
    const url = `/api/runs/${encodeURIComponent(runId)}/compare/${encodeURIComponent(otherId)}`;
    return (await (await this.fetch(url, { signal, timeoutMs: SNAPSHOT_TIMEOUT_MS })).json()) as Comparison;
  }

  /** A part of a large run; see `TraceWindow`. */
  async window(runId: string, asked: WindowQuery = {}, signal?: AbortSignal): Promise<TraceWindow> {
    const query = new URLSearchParams(Object.entries(asked).map(([name, value]) => [name, String(value)]));
    const options = { signal, timeoutMs: SNAPSHOT_TIMEOUT_MS };
    return (await (await this.fetch(`/api/traces/${runId}/window?${query}`, options)).json()) as TraceWindow;
  }

  /** Where a jump leads in the whole of a large run. */
  jump(runId: string, to: Jump, after: string | null): Promise<RunJump> {
    const asked = new URLSearchParams({ to, ...(after === null ? {} : { after }) });
    return this.json<RunJump>(`/api/traces/${runId}/jump?${asked}`, { timeoutMs: SNAPSHOT_TIMEOUT_MS });
  }

  criticalPath(runId: string, adjust: boolean): Promise<RunCriticalPath> {
    return this.ofTheWhole(runId, "critical-path", { adjust });
  }

  times(runId: string, asked: TimesQuery): Promise<RunTimes> {
    return this.ofTheWhole(runId, "times", asked);
  }

  minimap(runId: string, asked: MinimapQuery): Promise<RunMinimap> {
    return this.ofTheWhole(runId, "minimap", asked);
  }

  private ofTheWhole<T>(runId: string, what: string, asked: object): Promise<T> {
    const query = new URLSearchParams(Object.entries(asked).map(([name, value]) => [name, String(value)]));
    return this.json<T>(`/api/traces/${runId}/${what}?${query}`, { timeoutMs: SNAPSHOT_TIMEOUT_MS });
  }

  /** A part of the flame graph of a run of any size. */
  async flame(runId: string, asked: FlameQuery, signal?: AbortSignal): Promise<RunFlame> {
    const query = new URLSearchParams(Object.entries(asked).map(([name, value]) => [name, String(value)]));
    const options = { signal, timeoutMs: SNAPSHOT_TIMEOUT_MS };
    return (await (await this.fetch(`/api/traces/${runId}/flame?${query}`, options)).json()) as RunFlame;
  }

  /** One span, whole, and the very text that the service answered. */
  async span(
    runId: string,
    spanId: string,
    signal?: AbortSignal,
  ): Promise<{ span: SpanState; text: string }> {
    const text = await (await this.fetch(`/api/traces/${runId}/spans/${spanId}`, { signal })).text();
    return { span: parseJson<SpanState>(text), text };
  }

  logs(runId: string, since: number, epoch: Epoch, limit: number, signal?: AbortSignal): Promise<Frame> {
    return this.json<Frame>(`/api/logs/${runId}?${query({ since, epoch })}&limit=${limit}`, { signal });
  }

  /** The last `limit` events before an index. */
  logsBefore(runId: string, before: number, limit: number, signal?: AbortSignal): Promise<Frame> {
    return this.json<Frame>(`/api/logs/${runId}?before=${before}&limit=${limit}`, { signal });
  }

  /** Spans and log lines of a run that fulfil a search. */
  search(
    runId: string,
    q: string,
    limit: number,
    cursor: string | null,
    signal?: AbortSignal,
  ): Promise<SearchAnswer> {
    const asked = new URLSearchParams({ q, limit: String(limit) });
    if (cursor !== null) asked.set("cursor", cursor);
    return this.json<SearchAnswer>(`/api/runs/${runId}/search?${asked}`, {
      signal,
      timeoutMs: SNAPSHOT_TIMEOUT_MS,
    });
  }

  // What is around the runs

  /** The queue; with a version, whether there is anything newer. */
  queue(version: number | null, signal?: AbortSignal): Promise<QueueAnswer> {
    return this.json<QueueAnswer>(version === null ? "/api/queue" : `/api/queue?version=${version}`, {
      signal,
    });
  }

  retryItem(itemId: string): Promise<QueuedRun> {
    return this.json<QueuedRun>(`/api/queue/${encodeURIComponent(itemId)}/retry`, { method: "POST" });
  }

  cancelItem(itemId: string): Promise<Cancelled> {
    return this.json<Cancelled>(`/api/queue/${encodeURIComponent(itemId)}/cancel`, { method: "POST" });
  }

  retryRun(runId: string): Promise<QueuedRun> {
    return this.json<QueuedRun>(`/api/runs/${runId}/retry`, { method: "POST" });
  }

  async cancelRun(runId: string): Promise<void> {
    await this.fetch(`/api/runs/${runId}/cancel`, { method: "POST" });
  }

  runners(signal?: AbortSignal): Promise<RunnersAnswer> {
    return this.json<RunnersAnswer>("/api/runners", { signal });
  }

  budgets(signal?: AbortSignal): Promise<BudgetsAnswer> {
    return this.json<BudgetsAnswer>("/api/budgets", { signal });
  }

  /** Sets the limit of a scope; null takes it away. */
  setBudget(scope: string, limitUsd: number | null): Promise<Budget> {
    const body = { limit_usd: limitUsd };
    return this.json<Budget>(`/api/budgets/${encodeURIComponent(scope)}`, { method: "PUT", body });
  }

  breakers(signal?: AbortSignal): Promise<BreakersAnswer> {
    return this.json<BreakersAnswer>("/api/breakers", { signal });
  }

  notices(signal?: AbortSignal): Promise<NoticesAnswer> {
    return this.json<NoticesAnswer>("/api/notices", { signal });
  }

  changeRule(id: string, change: RuleChange): Promise<NoticeRule> {
    return this.json<NoticeRule>(`/api/notices/${encodeURIComponent(id)}`, { method: "PUT", body: change });
  }

  /** The very text of an answer. */
  async text(url: string): Promise<string> {
    return (await this.fetch(url, { timeoutMs: SNAPSHOT_TIMEOUT_MS })).text();
  }

  private async json<T>(url: string, options: Options = {}): Promise<T> {
    return parseJson<T>(await (await this.fetch(url, options)).text());
  }

  private async fetch(url: string, options: Options = {}): Promise<Response> {
    const limit = AbortSignal.timeout(options.timeoutMs ?? TIMEOUT_MS);
    const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit;
    const init: RequestInit = {
      method: options.method ?? "GET",
      headers: { accept: "application/json" },
      signal,
      cache: "no-store",
    };
    if (options.body !== undefined) {
      init.body = JSON.stringify(options.body);
      init.headers = { accept: "application/json", "content-type": "application/json" };
    }
    if (options.file) {
      init.body = options.file;
      init.headers = { accept: "application/json", "content-type": "application/octet-stream" };
    }
    const early = takeEarly(url, signal);
    const askedAt = early?.askedAt ?? Date.now();
    const response = await (early?.response ?? fetch(url, init));
    this.clock.hear(response.headers.get("date"), askedAt, Date.now());
    if (response.status === 401) this.signedOut();
    if (!response.ok) throw new ProblemError(response.status, await problemOf(response));
    return response;
  }
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    const body: unknown = await response.json();
    if (body !== null && typeof body === "object") return body as Problem;
  } catch {
    // A proxy's HTML page, or nothing at all: the status line has to do.
  }
  return { title: response.statusText || `HTTP ${response.status}`, status: response.status };
}
