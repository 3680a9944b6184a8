/** Answers about many runs, and what is looked for in one. */
import type { BackendTotals, RunStatus, RunSummary } from "./wire-run";

/** What has changed in the list since the last one. */
export interface RunNews {
  runs: RunSummary[];
  removed: string[];
  reset: boolean;
}

export interface RunFacets {
  statuses: Partial<Record<RunStatus, number>>;
  operations: NamedCount[];
  /** Of the newest runs only. */
  environments?: NamedCount[];
  versions?: NamedCount[];
}

export interface NamedCount {
  name: string;
  runs: number;
}

export interface Spend {
  to: string;
  cost_nano: number;
  backends: Record<string, BackendTotals>;
  /** What runs on demo data cost, which is in none of the other figures. */
  demo?: { cost_nano: number; backends: Record<string, BackendTotals> };
}

export interface ImportAnswer {
  runs: string[];
  rejected: number;
  reason: string;
}

export interface RunsPage {
  runs: RunSummary[];
  next_cursor: string | null;
  /** The page ends because so many runs were looked at for it. */
  looked_at?: number;
  /** So many runs were put in another order than by start. */
  sorted_of?: number;
  /** Whether those are all that are wanted. */
  sorted_all?: boolean;
}

/** Where a hit was found, and a little of what stands around it. */
export interface SearchMatch {
  field: string;
  before: string;
  match: string;
  after: string;
}

/** A span of a run, found itself or by a log line of its; or a line of no known span. */
export interface SearchHit {
  start: number;
  span_id: string | null;
  name: string | null;
  kind: string | null;
  status: string | null;
  seq: number | null;
  matches: SearchMatch[];
}

export interface SearchAnswer {
  run_id: string;
  hits: SearchHit[];
  found: number;
  is_whole: boolean;
  next_cursor: string | null;
}
