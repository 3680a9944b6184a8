/** What the livetail shows of an event: its family, its tone and one line of text. Pure. */

import { writeJson } from "../../service/json";
import type { Attributes, AttributeValue, SpanState, TailEvent, Tokens } from "../../service/wire";
import { eventWords } from "../../text/event-words";
import * as format from "../../text/format";
import { errorType, isExpected, reasonWords } from "../../text/reasons";
import { rowName } from "../../text/span-target";
import { lengthWords } from "../../text/span-words";
import { visible } from "../../text/visible";

export type Family =
  | "pipeline"
  | "layer"
  | "phase"
  | "subphase"
  | "llm_call"
  | "log"
  | "decision"
  | "step"
  | "other";
export type Tone = "plain" | "alive" | "good" | "warn" | "bad";

const PREFIXES: readonly (readonly [string, Family])[] = [
  ["pipeline_", "pipeline"],
  ["operation_", "pipeline"],
  ["layer_", "layer"],
  ["subphase_", "subphase"],
  ["phase_", "phase"],
  ["llm_call_", "llm_call"],
  ["llm_group_", "llm_call"],
  ["decision_", "decision"],
  ["validation_", "decision"],
  ["tool_", "step"],
  ["retrieval_", "step"],
  ["queue_", "step"],
  ["span_", "step"],
];

export function family(event: string): Family {
  if (event === "log") return "log";
  return PREFIXES.find(([prefix]) => event.startsWith(prefix))?.[1] ?? "other";
}

export function tone(
  event: Pick<TailEvent, "event" | "level" | "attributes" | "fallback_reason" | "status">,
): Tone {
  if (event.event === "log") {
    const level = (event.level ?? "").toLowerCase();
    if (level === "error" || level === "critical" || level === "fatal") return "bad";
    return level === "warning" || level === "warn" ? "warn" : "plain";
  }
  if (/_(error|failed)$/.test(event.event) || hasFailed(event)) return "bad";
  if (event.event.endsWith("_fallback") && isExpected(fallbackReason(event))) return "plain";
  if (/_(fallback|abandoned|cancelled|retry)$/.test(event.event)) return "warn";
  if (/_complete$/.test(event.event)) return "good";
  if (/_(start|revived)$/.test(event.event)) return "alive";
  return "plain";
}

/** 0 for what is of interest to developers alone, 1, 2 for a warning, 3 for an error; log lines by their level. */
export function severity(event: TailEvent): number {
  if (event.event === "log" && /^(debug|trace|notset)/i.test(event.level ?? "")) return 0;
  const of: Readonly<Partial<Record<Tone, number>>> = { bad: 3, warn: 2 };
  return of[tone(event)] ?? 1;
}

/** What an event is called in its column: a log line by its level. */
export function label(event: TailEvent): string {
  if (event.event === "log") return `log ${(event.level ?? "").toLowerCase()}`.trim();
  return eventWords(hasFailed(event) ? event.event.replace(/_complete$/, "_error") : event.event);
}

/** What an event's span is called: as its row in the tree, or by what the event says of a span that is not here. */
export function spanName(event: Pick<TailEvent, "event" | "name">, span: SpanState | undefined): string {
  if (span?.name) return rowName(span);
  return event.event === "log" ? "" : visible(event.name ?? "");
}

/** Others' events call the end of a span by one name, whatever its status. */
function hasFailed(event: Pick<TailEvent, "event" | "status">): boolean {
  return event.status === "error" && event.event.endsWith("_complete");
}

/** What a log record says. One that is an event has data for a body: its name stands in front. */
export function logText({
  message = "",
  attributes = {},
}: Pick<TailEvent, "message" | "attributes">): string {
  const { "event.name": name } = attributes;
  const isData = typeof name === "string" && /^\s*\{/.test(message) && !message.includes(name);
  return isData ? `${name} ${message}` : message;
}

/** One line of plain text; empty when the event's name says it all. */
export function summary(event: TailEvent): string {
  if (event.event === "log") return oneLine(logText(event));
  if (event.error)
    return oneLine(join(": ", errorType(event.error.type?.split(".").at(-1) ?? ""), event.error.message));
  const attributes = event.attributes ?? {};
  if (event.event.endsWith("_fallback")) return fallbackText(event, attributes);
  if (event.event.endsWith("_update")) return updateText(event);
  if (/_(complete|skip|cancelled|abandoned)$/.test(event.event) && event.status !== undefined)
    return endText(event);
  if (event.event.endsWith("_start"))
    return join(" · ", attemptText(event), event.name?.includes(event.model ?? "") ? undefined : event.model);
  return oneLine(event.message ?? attributesText(attributes));
}

function fallbackText(event: TailEvent, attributes: Attributes): string {
  const from = pick(attributes, "spantail.fallback.from", "from_backend", "from") ?? event.fallback_from;
  const to = pick(attributes, "spantail.fallback.to", "to_backend", "to") ?? event.backend;
  const reason = fallbackReason(event);
  return oneLine(join(": ", from && to ? `${from} → ${to}` : undefined, reason && reasonWords(reason)));
}

function fallbackReason(event: Pick<TailEvent, "attributes" | "fallback_reason">): string | undefined {
  return pick(event.attributes ?? {}, "spantail.fallback.reason", "reason") ?? event.fallback_reason;
}

function updateText(event: TailEvent): string {
  const { attributes = {} } = event;
  const chunks = attributes["spantail.stream.chunks"];
  const usd = attributes["spantail.cost.estimate_usd"];
  const nano = typeof usd === "number" ? format.costNano({ cost_usd: usd }) : undefined;
  const known = join(
    " · ",
    progressText(event.progress),
    tokensText(event.tokens),
    typeof chunks === "number" ? format.plural(chunks, "chunk") : undefined,
    nano === undefined ? undefined : `≈ ${format.money(nano)}`,
  );
  const names = Object.keys(attributes);
  return oneLine(known || (names.length > 0 ? `changed: ${names.join(", ")}` : ""));
}

function endText(event: TailEvent): string {
  const { start, end } = event;
  const took = typeof start === "number" && typeof end === "number" ? lengthWords(end - start) : undefined;
  const reason = pick(event.attributes ?? {}, "spantail.reason");
  const why = reason && reasonWords(reason);
  return oneLine(join(" · ", took, tokensText(event.tokens), progressText(event.progress), why));
}

function attemptText(event: TailEvent): string | undefined {
  return event.attempt !== undefined && event.attempt > 1 ? `attempt ${event.attempt}` : undefined;
}

/** "12/40 scoring": only what is known. */
export function progressText(progress: TailEvent["progress"]): string | undefined {
  if (!progress) return undefined;
  const { done, total, message } = progress;
  const numbers =
    done == null
      ? undefined
      : total == null
        ? format.count(done)
        : `${format.count(done)}/${format.count(total)}`;
  // A unit belongs to its number ("18/18 jobs"); a message with figures of its own stands apart.
  return join(/\d/.test(message ?? "") ? " · " : " ", numbers, message ?? undefined) || undefined;
}

/** "412→96"; an unknown side is a dash, never a zero. */
export function tokensText(tokens: TailEvent["tokens"]): string | undefined {
  if (!tokens || (tokens.input === undefined && tokens.output === undefined)) return undefined;
  const side = (value: number | undefined) => (value === undefined ? "–" : format.tokens(value));
  return `${side(tokens.input)}→${side(tokens.output)}`;
}

/** Every count that is known, exact and in words. */
export function tokenCounts(tokens: Tokens | undefined): string | undefined {
  if (!tokens) return undefined;
  const parts: string[] = [];
  if (tokens.input !== undefined) parts.push(`${format.count(tokens.input)} in`);
  if (tokens.output !== undefined) parts.push(`${format.count(tokens.output)} out`);
  if (tokens.cache_read) parts.push(`${format.count(tokens.cache_read)} read from cache`);
  if (tokens.cache_write) parts.push(`${format.count(tokens.cache_write)} written to cache`);
  if (tokens.cache_write_1h) parts.push(`${format.count(tokens.cache_write_1h)} of it for an hour`);
  if (tokens.reasoning) parts.push(`${format.count(tokens.reasoning)} reasoning`);
  if (tokens.audio_input) parts.push(`${format.count(tokens.audio_input)} audio in`);
  if (tokens.audio_output) parts.push(`${format.count(tokens.audio_output)} audio out`);
  if (tokens.image_input) parts.push(`${format.count(tokens.image_input)} image in`);
  if (tokens.image_output) parts.push(`${format.count(tokens.image_output)} image out`);
  return parts.join(", ") || undefined;
}

function attributesText(attributes: Attributes): string {
  return Object.entries(attributes)
    .map(
      ([key, value]) =>
        `${key}=${typeof value === "number" ? Number(value.toPrecision(6)) : valueText(value)}`,
    )
    .join("  ");
}

function valueText(value: AttributeValue): string {
  return typeof value === "string" ? value : writeJson(value);
}

function pick(attributes: Attributes, ...keys: string[]): string | undefined {
  for (const key of keys) {
    const value = attributes[key];
    if (value !== undefined && value !== null) return valueText(value);
  }
  return undefined;
}

function join(separator: string, ...parts: (string | undefined)[]): string {
  return parts.filter(Boolean).join(separator);
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, " ").trim().slice(0, 400);
}

/** The beginning of a span's id: less of it would be found by chance. */
function isIdOf(event: TailEvent, word: string): boolean {
  return word.length >= 8 && event.span_id?.startsWith(word) === true;
}

/** Every word of the filter must be somewhere in the event's visible text. */
export function matches(event: TailEvent, filter: string, named: string): boolean {
  const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return true;
  const { event: type, name, message, error, backend, model, logger } = event;
  const said = [type, label(event), named, name, summary(event), message, error?.type, error?.message];
  const text = [...said, backend, model, logger].join(" ").toLowerCase();
  return words.every((word) => text.includes(word) || isIdOf(event, word));
}
