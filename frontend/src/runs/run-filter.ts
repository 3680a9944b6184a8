/** What the list of runs is narrowed to. Pure. */
import type { NamedCount, RunFacets, RunStatus, RunSummary } from "../service/wire";
import { dateTime } from "../text/format";
import { CALLS, type CallsFilter, EVERY_CALL, isEveryCall } from "./calls-filter";

export interface RunFilter extends CallsFilter {
  /** Words in name, operation, service, backends or id. */
  readonly text: string;
  readonly status: RunStatus | "";
  readonly operation: string;
  /** `deployment.environment.name` of the run's root. */
  readonly environment: string;
  /** `service.version` of the run's root. */
  readonly version: string;
  readonly pinned: boolean;
  /** How far back the first start lies: a period ("1h"), or a time in µs since the epoch; empty for any. */
  readonly from: string;
  /** The first start that is too late, in µs since the epoch; empty for none. */
  readonly to: string;
  readonly sort: RunSort;
}

export const EVERY_RUN: RunFilter = {
  text: "",
  status: "",
  operation: "",
  environment: "",
  version: "",
  pinned: false,
  from: "",
  to: "",
  sort: "start",
  ...EVERY_CALL,
};

/** What comes first in the list. */
export const SORTS = ["start", "duration", "cost", "errors"] as const;
export type RunSort = (typeof SORTS)[number];

const SORT_TEXT: Readonly<Record<RunSort, string>> = {
  start: "Newest first",
  duration: "Longest first",
  cost: "Costliest first",
  errors: "Most errors first",
};

const MINUTE_US = 60_000_000;
const PERIODS: Readonly<Record<string, { us: number; text: string }>> = {
  "15m": { us: 15 * MINUTE_US, text: "Last 15 minutes" },
  "1h": { us: 60 * MINUTE_US, text: "Last hour" },
  "6h": { us: 360 * MINUTE_US, text: "Last 6 hours" },
  "1d": { us: 1_440 * MINUTE_US, text: "Last 24 hours" },
  "7d": { us: 10_080 * MINUTE_US, text: "Last 7 days" },
};

export function isEverything(filter: RunFilter): boolean {
  const { text, status, operation, environment, version, pinned, from, to } = filter;
  const some = [status, operation, environment, version, pinned, from, to].some(Boolean);
  return text.trim() === "" && !some && isEveryCall(filter);
}

/** From when on runs are wanted, in µs; undefined for any. */
function firstStart(filter: RunFilter, nowUs: number): number | undefined {
  const period = PERIODS[filter.from];
  if (period) return Math.max(0, Math.round(nowUs - period.us));
  return filter.from ? Number(filter.from) : undefined;
}

/** The filter as the service's query, with what else belongs there. */
export function runQuery(
  filter: RunFilter,
  nowUs: number,
  more: Readonly<Record<string, string>> = {},
): string {
  const query = addressQuery(filter);
  const from = firstStart(filter, nowUs);
  if (from !== undefined) query.set("from", String(from));
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  return written(query);
}

/** The filter as it stands in the page's address: by the service's names, but a period stays one. */
export function filterQuery(filter: RunFilter): string {
  return written(addressQuery(filter));
}

function written(query: URLSearchParams): string {
  const text = query.toString();
  return text ? `?${text}` : "";
}

function addressQuery(filter: RunFilter): URLSearchParams {
  const query = new URLSearchParams();
  const text = filter.text.trim().slice(0, 200);
  if (text) query.set("q", text);
  if (filter.status) query.set("status", filter.status);
  if (filter.operation) query.set("operation", filter.operation);
  if (filter.environment) query.set("environment", filter.environment);
  if (filter.version) query.set("version", filter.version);
  for (const name of ["backend", "model", "calls", "demo"] as const)
    if (filter[name]) query.set(name, filter[name]);
  if (filter.pinned) query.set("pinned", "true");
  if (filter.from) query.set("from", filter.from);
  if (filter.to) query.set("to", filter.to);
  if (filter.sort !== "start") query.set("sort", filter.sort);
  return query;
}

/** The filter that an address asks for, by the names of the service's query. What it does not know is left out. */
export function filterIn(search: string): RunFilter {
  const query = new URLSearchParams(search);
  const value = (name: string): string => (query.get(name) ?? "").slice(0, 200);
  return {
    text: value("q"),
    status: STATUSES.find((status) => status === value("status")) ?? "",
    operation: value("operation"),
    environment: value("environment"),
    version: value("version"),
    backend: value("backend"),
    model: value("model"),
    calls: CALLS.find((calls) => calls === value("calls")) ?? "",
    demo: (["true", "false"] as const).find((demo) => demo === value("demo")) ?? "",
    pinned: query.get("pinned") === "true",
    from: PERIODS[value("from")] ? value("from") : timeIn(value("from")),
    to: timeIn(value("to")),
    sort: SORTS.find((sort) => sort === value("sort")) ?? "start",
  };
}

/** µs since the epoch that a JavaScript number holds, or nothing. */
function timeIn(text: string): string {
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? text : "";
}

export interface Choice {
  value: string;
  text: string;
}

const STATUSES: readonly RunStatus[] = ["running", "queued", "completed", "failed", "cancelled", "abandoned"];

/** Periods, and the range that the address asks for, where it is none of them. */
export function timeChoices(filter: Pick<RunFilter, "from" | "to">): Choice[] {
  const choices = Object.entries(PERIODS).map(([value, { text }]) => ({ value, text }));
  if (!filter.to && (!filter.from || PERIODS[filter.from])) return choices;
  const at = (us: string) => dateTime(Number(us)).slice(0, 16);
  const since = PERIODS[filter.from]?.text ?? (filter.from && `since ${at(filter.from)}`);
  const until = filter.to && `until ${at(filter.to)}`;
  const text = [since, until].filter(Boolean).join(" ");
  return [{ value: RANGE, text: text.charAt(0).toUpperCase() + text.slice(1) }, ...choices];
}

/** The choice for a range that is no period. */
export const RANGE = "range";

export function sortChoices(): Choice[] {
  return SORTS.map((value) => ({ value, text: SORT_TEXT[value] }));
}

/** What is put first: the larger comes before the smaller, of equals the one that started later. */
export function rankOf(run: RunSummary, sort: RunSort, nowUs: number): number {
  if (sort === "cost") return run.cost_nano ?? 0;
  if (sort === "errors") return run.errors ?? 0;
  if (sort === "start") return run.start ?? 0;
  return run.start ? Math.max(0, (run.end ?? nowUs) - run.start) : 0;
}

/** Statuses that runs have, and the chosen one even when its last run has left. */
export function statusChoices(facets: RunFacets, chosen: string): Choice[] {
  return STATUSES.filter((status) => (facets.statuses[status] ?? 0) > 0 || status === chosen).map(
    (status) => ({ value: status, text: `${status} · ${facets.statuses[status] ?? 0}` }),
  );
}

/** Values that runs have, and the chosen one even when its last run has left. */
export function namedChoices(counts: readonly NamedCount[] | undefined, chosen: string): Choice[] {
  const choices = (counts ?? []).map(({ name, runs }) => ({ value: name, text: `${name} · ${runs}` }));
  if (chosen && !choices.some((choice) => choice.value === chosen))
    choices.push({ value: chosen, text: chosen });
  return choices;
}
