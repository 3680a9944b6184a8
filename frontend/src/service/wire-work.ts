/** The JSON of what is around the runs: queue, runners, budgets, breakers, notices. Times are in microseconds, null is not yet. */

import type { RunStatus } from "./wire";

export type ItemStatus = "pending" | "delayed" | "running" | "succeeded" | "failed" | "cancelled";
export type Priority = "high" | "normal" | "low";

export interface QueueItem {
  id: string;
  operation: string;
  title?: string | null;
  name?: string | null;
  status: ItemStatus;
  priority: Priority;
  /** 0 is the next one; null where it does not wait. */
  position: number | null;
  attempts: number;
  max_attempts: number;
  enqueued: number;
  available?: number | null;
  started?: number | null;
  finished?: number | null;
  runner?: string | null;
  run_id: string;
  /** Of earlier attempts, oldest first. */
  earlier_runs?: string[];
  cancelling?: boolean;
  error?: string | null;
}

export interface QueueCounts {
  pending: number;
  delayed: number;
  running: number;
  failed: number;
}

export interface QueueContent {
  version: number;
  changed: true;
  counts: QueueCounts;
  items: QueueItem[];
}

/** With the version that was asked for there is nothing new. */
export type QueueAnswer = QueueContent | { version: number; changed: false };

export interface QueuedRun {
  run_id: string;
  status: RunStatus;
  item_id?: string;
}

export interface Cancelled {
  status: "cancelled" | "cancelling";
}

export interface RunnerWork {
  run_id: string;
  operation: string;
  item_id?: string | null;
  since: number;
}

export interface RunnerInfo {
  id: string;
  host: string;
  pid: number;
  kind: "service" | "runner";
  version: string;
  started: number;
  last_seen: number;
  alive: boolean;
  draining: boolean;
  concurrency: number;
  running: RunnerWork[];
  load: number[] | null;
}

export interface RunnersAnswer {
  runners: RunnerInfo[];
}

/** A limit in USD on a scope such as `day:2026-11-30` or `run:4bf9…`. */
export interface Budget {
  scope: string;
  limit_usd?: number | null;
  spent_usd?: number;
  reserved_usd?: number;
  limit_nano: number | null;
  spent_nano: number;
  reserved_nano: number;
  /** Calls that hold a reservation. */
  held?: number;
}

export type BudgetKind = "run" | "session" | "operation" | "day";

export interface BudgetsAnswer {
  budgets: Budget[];
  /** Limits in USD of scopes that have none of their own. */
  defaults?: Partial<Record<BudgetKind, number | null>>;
}

export interface Breaker {
  backend: string;
  model: string;
  state: "closed" | "open" | "half_open";
  failures: number;
  reason?: string | null;
  opened?: number | null;
  until?: number | null;
  /** Hosts on which the backend is not installed. */
  missing_on?: string[];
}

export interface BreakersAnswer {
  breakers: Breaker[];
}

export type RuleKind = "run_failed" | "budget_met" | "spend_above" | "fallback_rate" | "queue_stuck";

export interface NoticeRule {
  id: string;
  kind: RuleKind;
  enabled: boolean;
  threshold?: number | null;
  window_s?: number | null;
  /** Scheme and host alone. */
  webhook?: string | null;
  last_sent?: number | null;
  last_error?: string | null;
  pending?: number;
  dead?: number;
}

export interface Notice {
  id: string;
  rule: string;
  time: number;
  title: string;
  detail?: string | null;
  run_id?: string | null;
  /** Unsent: no webhook was set. */
  state: "sent" | "pending" | "dead" | "unsent";
}

export interface NoticesAnswer {
  rules: NoticeRule[];
  recent: Notice[];
}

export interface RuleChange {
  enabled?: boolean;
  threshold?: number;
  window_s?: number;
}
