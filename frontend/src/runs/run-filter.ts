/** What the list of runs is narrowed to. Pure. */
import type { NamedCount, RunFacets, RunStatus } from "../service/wire";

export interface RunFilter {
  /** Words in name, operation, service, backends or id. */
  readonly text: string;
  readonly status: RunStatus | "";
  readonly operation: string;
  /** `deployment.environment.name` of the run's root. */
  readonly environment: string;
  /** `service.version` of the run's root. */
  readonly version: string;
  readonly pinned: boolean;
}

export const EVERY_RUN: RunFilter = {
  text: "",
  status: "",
  operation: "",
  environment: "",
  version: "",
  pinned: false,
};

export function isEverything(filter: RunFilter): boolean {
  const { text, status, operation, environment, version, pinned } = filter;
  return text.trim() === "" && !status && !operation && !environment && !version && !pinned;
}

/** The filter as the service's query, with what else belongs there. */
export function runQuery(filter: RunFilter, more: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams();
  const text = filter.text.trim().slice(0, 200);
  if (text) query.set("q", text);
  if (filter.status) query.set("status", filter.status);
  if (filter.operation) query.set("operation", filter.operation);
  if (filter.environment) query.set("environment", filter.environment);
  if (filter.version) query.set("version", filter.version);
  if (filter.pinned) query.set("pinned", "true");
  for (const [name, value] of Object.entries(more)) query.set(name, value);
  const written = query.toString();
  return written ? `?${written}` : "";
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
    pinned: query.get("pinned") === "true",
  };
}

export interface Choice {
  value: string;
  text: string;
}

const STATUSES: readonly RunStatus[] = ["running", "queued", "completed", "failed", "cancelled", "abandoned"];

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
