/** The JSON of two runs side by side. Times are in microseconds. */
import type { RunSummary, SpanStatus } from "./wire";

/** One of two counterparts. Tokens and cost are those of the span and everything below it; absent is unknown. */
export interface ComparedSide {
  span_id: string;
  status: SpanStatus;
  start: number;
  end: number | null;
  backend?: string;
  model?: string;
  fallback_from?: string;
  fallback_reason?: string;
  error?: string;
  tokens?: { input: number; output: number };
  cost_nano?: number;
  /** Calls without a price. */
  unpriced?: number;
}

/** What differs between counterparts, apart from their times. */
export type Difference =
  | "name"
  | "status"
  | "backend"
  | "model"
  | "error"
  | "tokens"
  | "cost"
  | "input"
  | "output";

/** Two counterparts, or a span that only one of the runs has; in pre-order. */
export interface ComparedRow {
  depth: number;
  name: string;
  kind: string;
  a: ComparedSide | null;
  b: ComparedSide | null;
  changed: Difference[];
}

export interface Comparison {
  a: RunSummary;
  b: RunSummary;
  both: number;
  only_a: number;
  only_b: number;
  /** Pairs that differ in more than their times. */
  differing: number;
  /** Rows that are not in the answer. */
  left_out: number;
  rows: ComparedRow[];
}
