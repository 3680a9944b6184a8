/** One run: its figures, its snapshot or a part of it, and the frames of its tail. */
import type { Attributes, SpanState, TailEvent, Tokens } from "./wire-span";

export type RunStatus = "queued" | "running" | "completed" | "failed" | "cancelled" | "abandoned";

export type LayerStatus = "pending" | "running" | "complete" | "error" | "skipped";

/** What a reader should know before trusting a run's figures. */
export interface Marks {
  /** Spans that are abandoned now. */
  abandoned?: number;
  /** Spans that counted as abandoned until something came again. */
  corrected?: number;
  maybe_incomplete?: boolean;
  stale?: boolean;
}

export interface LayerInfo {
  name: string;
  status: LayerStatus;
  done?: number | null;
  total?: number | null;
}

export interface BackendTotals {
  calls?: number;
  errors?: number;
  /** Calls that went on to another backend after a failure of this one. */
  fallbacks?: number;
  /** Those that went on without asking it: not installed, circuit open, over budget. */
  expected_fallbacks?: number;
  unpriced?: number;
  tokens?: Tokens;
  cost_usd?: number;
  cost_nano?: number;
}

export interface RunSummary extends Marks {
  run_id: string;
  name?: string | null;
  operation?: string | null;
  status: RunStatus;
  start?: number | null;
  end?: number | null;
  spans?: number;
  /** Spans that run at the moment. */
  open?: number;
  errors?: number;
  cost_usd?: number | null;
  cost_nano?: number | null;
  unpriced?: number;
  backends?: Record<string, BackendTotals>;
  layers?: LayerInfo[];
  service?: string | null;
  environment?: string | null;
  version?: string | null;
  dropped?: Record<string, number>;
  demo?: boolean;
  /** Kept from expiry. */
  pinned?: boolean;
  imported?: boolean;
  /** Clocks that are thought wrong; on a single run only, and only where there are some. */
  clock_skew?: ClockSkew[];
  /** Where its tail stands; on a single run only. */
  next_index?: number;
  epoch?: string | null;
  /** In other tools; on a single run only. */
  links?: Record<string, string>;
}

/** Spans of one service on one host whose clock is thought to be ahead (µs; negative: behind). */
export interface ClockSkew {
  service: string | null;
  host: string | null;
  skew_us: number;
  spans: number;
}

/** What came of a run that the service or a runner has started. */
export interface RunResult {
  run_id: string;
  /** null: an application's run, which keeps its results itself. */
  operation: string | null;
  status: RunStatus;
  /** null before the run's end, and where it was too large to be kept. */
  result: Attributes | null;
  error: { type: string; message: string } | null;
}

export interface Snapshot {
  run: RunSummary;
  spans: SpanState[];
  next_index: number;
  epoch: string | number | null;
}

/** What stands below a span and is not here. Money is nano-USD. */
export interface Folded {
  spans: number;
  errors: number;
  running: number;
  llm: number;
  priced: number;
  unpriced: number;
  cost_nano: number;
  /** The last child that was looked at in order: the next ones follow it. null: none was. */
  after: string | null;
}

/** A part of a large run: spans in pre-order, and what is folded by the span above it ("" for those without one). */
export interface TraceWindow extends Snapshot {
  folded: Record<string, Folded>;
  /** Spans that the service has read of the run. */
  indexed: number;
  /** It has read them all: else the window is one of those. */
  complete: boolean;
}

/** The poll's answer; later transports carry the same shape. */
export interface Frame extends Marks {
  run_id: string;
  status: RunStatus;
  logs: TailEvent[];
  next_index: number;
  first_index: number;
  reset: boolean;
  epoch: string | number | null;
  expected_log_count: number | null;
  layers?: LayerInfo[];
  backends?: Record<string, BackendTotals>;
  dropped?: Record<string, number>;
}
