/** Sessions and spend: the JSON that the service speaks. */
import type { RunSummary } from "./wire";

export interface SessionSummary {
  session_id: string;
  runs: number;
  /** Runs that go on. */
  open: number;
  /** Runs on demo data. */
  demo: number;
  first: number;
  last: number;
  spans: number;
  errors: number;
  calls: number;
  unpriced: number;
  tokens: { input: number; output: number };
  cost_nano: number;
  backends: Record<string, { calls: number; cost_nano: number }>;
}

export interface SessionsPageAnswer {
  sessions: SessionSummary[];
  next_cursor: string | null;
}

export interface SessionAnswer extends SessionSummary {
  /** Its runs in the order of their start. */
  items: RunSummary[];
  next_cursor: string | null;
}

export const SPEND_BY = ["backend", "model", "operation"] as const;
export type SpendBy = (typeof SPEND_BY)[number];

export interface SpendPart {
  calls: number;
  errors: number;
  unpriced: number;
  tokens: { input: number; output: number };
  cost_nano: number;
  /** Absent where that was not counted. */
  runs?: number;
  /** Calls that another backend took over; absent where that was not counted, as of models. */
  fallbacks?: number;
}

/** One of the three is there, as asked for. */
export interface SpendParts {
  cost_nano: number;
  backends?: Record<string, SpendPart>;
  models?: Record<string, SpendPart>;
  operations?: Record<string, SpendPart>;
}

export interface SpendOfRuns extends SpendParts {
  runs: number;
}

export interface SpendDay extends SpendOfRuns {
  day: string;
  demo: SpendOfRuns;
}

export interface SpendAnswer extends SpendParts {
  by: SpendBy;
  from: string;
  to: string;
  demo: SpendOfRuns;
  days: SpendDay[];
}
