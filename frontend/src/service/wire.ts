/**
 * The JSON of the service. Field names are here, and in `wire-work.ts` for what is around the runs. Times are in
 * microseconds.
 */

export type SpanStatus = "running" | "ok" | "error" | "skipped" | "cancelled" | "abandoned";
export type RunStatus = "queued" | "running" | "completed" | "failed" | "cancelled" | "abandoned";
export type LayerStatus = "pending" | "running" | "complete" | "error" | "skipped";
export type CostSource = "provider" | "calculated" | "unpriced";

export type AttributeValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | AttributeValue[]
  | { [key: string]: AttributeValue };
export type Attributes = Record<string, AttributeValue>;

export interface Tokens {
  input?: number;
  output?: number;
  cache_read?: number;
  cache_write?: number;
  /** The part of the tokens written to the cache that stays for an hour. */
  cache_write_1h?: number;
  reasoning?: number;
  audio_input?: number;
  audio_output?: number;
  image_input?: number;
  image_output?: number;
}

export interface Progress {
  done?: number | null;
  total?: number | null;
  message?: string | null;
}

/** What a value was where JSON has none for it: "bytes" (then base64) or "double" (NaN, infinities); within lists and maps by index or key. */
export type ValueType = string | { [key: string]: ValueType };
/** By an attribute's key. */
export type ValueTypes = Record<string, ValueType>;

export interface SpanEvent {
  ts: number;
  name: string;
  attributes?: Attributes;
  types?: ValueTypes;
  changed?: string[];
  /** Attributes that the sender left out. */
  dropped?: number;
}

export interface SpanLink {
  /** Absent where the ids are not valid: then they stand in `odd_ids`, as they came. */
  run_id?: string;
  span_id?: string;
  odd_ids?: unknown;
  attributes?: Attributes;
  types?: ValueTypes;
  changed?: string[];
  trace_state?: string;
  flags?: number;
  dropped?: number;
}

export type SpanKind = "internal" | "server" | "client" | "producer" | "consumer";

/** Where spans come from: the resource of a process, or a library in it. */
export interface Source {
  name?: string;
  version?: string;
  attributes?: Attributes;
  types?: ValueTypes;
  dropped?: number;
  schema_url?: string;
}

/** What the sender left out by its own limits. */
export interface DroppedCounts {
  attributes?: number;
  events?: number;
  links?: number;
}

/** Prompt content that was not kept, and the setting that keeps it. */
export interface LostContent {
  field: string;
  bytes?: number;
  setting?: string;
  /** Whose environment: of the process that made the span, or of the service, for what came over OTLP. */
  where?: "application" | "service";
}

export interface ErrorInfo {
  type?: string;
  message?: string;
  traceback?: string;
}

/** The latest state of one span, as a snapshot holds it. An absent field is unknown. */
export interface SpanState {
  span_id: string;
  run_id?: string;
  parent_id?: string | null;
  rev?: number;
  /** Number of span events so far. */
  noted?: number;
  status?: SpanStatus;
  start?: number;
  end?: number | null;
  ts?: number;
  event?: string;
  name?: string;
  /** Spantail's own: pipeline, llm_call, tool, … */
  kind?: string;
  /** OpenTelemetry's; absent is unspecified. */
  span_kind?: SpanKind;
  service?: string;
  runner?: string;
  scope_details?: Source;
  resource_details?: Source;
  trace_state?: string;
  flags?: number;
  /** "ok" where the application said so, "error" where `status` does not show it, digits for an unknown one; absent is unset. */
  status_code?: string;
  status_message?: string;
  dropped?: DroppedCounts;
  types?: ValueTypes;
  /** Attributes that were masked or cut. */
  changed?: string[];
  /** Attributes that nobody sent, or sent with another value. */
  derived?: string[];
  /** What was sent under names in `derived`. */
  sent?: Attributes;
  content?: LostContent[];
  /** How far its clock seems to be ahead of the root's (µs; negative: behind), estimated. */
  clock_skew_us?: number;
  backend?: string;
  tier?: string;
  model?: string;
  cost_usd?: number;
  cost_nano?: number;
  cost_source?: CostSource;
  /** Why a call has no price, or what its price assumes. */
  cost_note?: string;
  tokens?: Tokens;
  /** What the LLM calls within a span came to, as the span tells it. */
  account?: { backend?: string; tokens?: Tokens; cost_nano?: number };
  progress?: Progress;
  layer?: string;
  attempt?: number;
  fallback_from?: string;
  fallback_reason?: string;
  attributes?: Attributes;
  span_events?: SpanEvent[];
  links?: SpanLink[];
  error?: ErrorInfo;
  /** Why the span counts as abandoned, and when something last came from its process. */
  abandoned?: Abandonment;
  /** Set by the page: it counted as abandoned, and then something came again. */
  corrected?: boolean;
}

export interface Abandonment {
  reason: "runner_died" | "silent";
  last_heartbeat?: number;
}

/** What a reader should know before trusting a run's figures. */
export interface Marks {
  /** Spans that are abandoned now. */
  abandoned?: number;
  /** Spans that counted as abandoned until something came again. */
  corrected?: number;
  maybe_incomplete?: boolean;
  stale?: boolean;
}

/** One record of the tail: a change of a span, a span event or a log line. */
export interface TailEvent extends Partial<SpanState> {
  seq: number;
  ts: number;
  event: string;
  level?: string;
  logger?: string;
  message?: string;
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
  /** So many runs were put in another order than by start. */
  sorted_of?: number;
  /** Whether those are all that are wanted. */
  sorted_all?: boolean;
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

/** What the service says of a run as a whole; nothing before it has read all of it. */
interface OfTheWhole {
  epoch: string | null;
  /** Spans that it has read. */
  indexed: number;
  complete: boolean;
}

export const JUMPS = ["error", "running", "slowest", "dearest"] as const;
export type Jump = (typeof JUMPS)[number];

/** The next error or running span; or the slowest or dearest ones, the first one first. */
export interface RunJump extends OfTheWhole {
  to: Jump;
  span_ids: string[];
}

/** What the run had to wait for; times in microseconds. */
export interface RunCriticalPath extends OfTheWhole {
  /** By span, from when to when, the latest first: those with the longest time on the path. */
  parts: Record<string, [number, number][]>;
  /** Spans on the path. */
  spans: number;
  length_us: number;
  left_out_us: number;
}

/** Where a span stands in the flame graph; `end` null: it runs. */
export interface FlamePlace {
  lane: number;
  start: number;
  end: number | null;
}

/** A span, or several of one lane that are too narrow to be told apart: `span_id` is then the first one's. */
export interface FlameFrame extends FlamePlace {
  span_id: string;
  spans: number;
  errors: number;
  /** It is one span, and has spans below it. */
  outer: boolean;
}

export interface RunFlame extends OfTheWhole {
  from: number;
  to: number;
  /** Of the whole graph. */
  lanes: number;
  frames: FlameFrame[];
  /** Of the single spans that are wide enough for a word. */
  states: SpanState[];
  place: FlamePlace | null;
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

export interface JsonSchema {
  type?: string | string[];
  title?: string;
  description?: string;
  default?: unknown;
  examples?: unknown[];
  enum?: unknown[];
  const?: unknown;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  minLength?: number;
  maxLength?: number;
  minItems?: number;
  maxItems?: number;
  pattern?: string;
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
  required?: string[];
  anyOf?: JsonSchema[];
  allOf?: JsonSchema[];
  $ref?: string;
  $defs?: Record<string, JsonSchema>;
  "x-in"?: string;
}

export interface OperationInfo {
  name: string;
  title: string;
  description?: string;
  path: string;
  input_schema: JsonSchema;
  layers?: string[];
}

export interface OperationsAnswer {
  operations: OperationInfo[];
  demo?: boolean;
  /** A token is set: browsers sign in. */
  login?: boolean;
}

export interface StartedRun {
  run_id: string;
  status: RunStatus;
}

/** RFC 9457. */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  detail?: string;
  errors?: { loc?: (string | number)[]; msg?: string }[];
  /** Where else to look for a run that has expired. */
  links?: Record<string, string>;
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
