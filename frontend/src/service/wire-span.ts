/** A span and what is told of it, as the service writes it. Times are in microseconds; an absent field is unknown. */

export type SpanStatus = "running" | "ok" | "error" | "skipped" | "cancelled" | "abandoned";

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
  /** What it was directed at, where it comes without attributes; the page keeps it of those whose attributes it drops. */
  target?: string;
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
  /** It counted as abandoned, and then something came again. */
  corrected?: boolean;
}

export interface Abandonment {
  reason: "runner_died" | "silent";
  last_heartbeat?: number;
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
