/** Name and value of everything that is known of a span, but for its attributes. */
import { progressText, tokenCounts } from "../../run/tail/events";
import { selfTimeUs } from "../../run/time/self-time";
import { endOf, isOpen, startOf } from "../../run/time/span-times";
import type { SpanState } from "../../service/wire";
import { isUnpriced, type RunStore } from "../../store";
import * as format from "../../text/format";
import { firstChunkUs, speedWords, streamWords } from "../../text/llm-words";
import { protocolFields } from "../../text/protocol-words";
import { reasonWords } from "../../text/reasons";
import {
  costAround,
  costSource,
  droppedWords,
  flagWords,
  lengthWords,
  skewWords,
} from "../../text/span-words";
import { abandonedText } from "../status";
import type { DetailsContext } from "./details-section";
import { DROPPED, type Field } from "./span-sections";

/** Longer values are read among the attributes. */
const MOST_LETTERS = 300;

/** The figures of a span, in words. */
export function spanFields({ span, session, nowUs }: DetailsContext): Field[] {
  const fields: Field[] = [];
  const add = (name: string, value: string | undefined | null, title?: string, mono = false) => {
    if (value) fields.push([name, value, title, mono]);
  };
  const runStart = session.started;
  if (span.start !== undefined) {
    const running = span.status === "running";
    const end = typeof span.end === "number" ? span.end : running ? nowUs : undefined;
    if (end !== undefined) {
      const length = running ? Math.max(0, end - span.start) : end - span.start;
      add("Duration", running ? format.ticking(length) : lengthWords(length), `${format.count(length)} µs`);
    }
    add("Self time", selfTime(span, session.store, nowUs), "Without the time of the spans within it");
    const offset = runStart === undefined ? "" : ` (${format.offset(span.start - runStart)})`;
    add("Started", `${format.timeOfDay(span.start)}${offset}`, format.dateTime(span.start));
  }
  if (typeof span.end === "number") add("Ended", format.timeOfDay(span.end), format.dateTime(span.end));
  if (span.abandoned) {
    const { last_heartbeat: last } = span.abandoned;
    add("Abandoned", abandonedText(span.abandoned));
    if (last !== undefined) add("Last heartbeat", format.timeOfDay(last), format.dateTime(last));
  }
  add("Reason", session.store.reasons.get(span.span_id));
  add("Progress", progressText(span.progress));
  for (const { name, value, isCode } of protocolFields(span.attributes ?? {})) {
    add(name, value.length > MOST_LETTERS ? `${value.slice(0, MOST_LETTERS)}…` : value, undefined, isCode);
  }
  add("Model", span.model);
  add("Model tier", span.tier, "The class of model that was asked for; settings say which model that is");
  add("Layer", span.layer);
  if (span.attempt !== undefined) add("Attempt", String(span.attempt));
  if (span.fallback_from)
    add(
      "Fallback from",
      [span.fallback_from, reasonWords(span.fallback_reason ?? "")].filter(Boolean).join(": "),
    );
  add("Tokens", tokenCounts(span.tokens));
  const first = firstChunkUs(span);
  if (first !== undefined)
    add("First chunk", `after ${format.duration(first)}`, "From the start of the call");
  add(
    "Speed",
    span.kind === "llm_call" ? speedWords(span) : undefined,
    "Tokens of the answer, from its first chunk on",
  );
  add("Being streamed", streamWords(span));
  const nano = format.costNano(span);
  if (nano !== undefined) add("Cost", format.money(nano), format.moneyExact(nano));
  else if (isUnpriced(span)) add("Cost", "unpriced", "No price is known for this call");
  if (span.cost_source) add("Cost source", costSource(span));
  const around = costAround(span);
  add("Cost of its calls", around?.value, around?.title);
  add("Status code", statusCode(span), "OpenTelemetry's status: unset unless the application sets it");
  add(
    "Clock",
    skewWords(span.clock_skew_us),
    "Estimated from spans that lie outside of their parents; times are shown as they were sent",
  );
  add("Dropped", droppedWords(span.dropped), DROPPED);
  add("Service", span.service);
  add("Runner", span.runner, undefined, true);
  add("Span id", span.span_id, undefined, true);
  add("Parent id", span.parent_id, undefined, true);
  add("Trace state", span.trace_state, undefined, true);
  if (span.flags !== undefined) add("Flags", flagWords(span.flags), undefined, true);
  return fields;
}

function statusCode(span: SpanState): string | undefined {
  const { status, status_code: code, status_message: message } = span;
  if (status === "running" || status === undefined) return undefined;
  const word = code === "ok" ? "OK" : code === "error" || status === "error" ? "error" : (code ?? "unset");
  return message ? `${word}: ${message}` : word;
}

/** Of a span with others within it; without any it is the duration. */
function selfTime(span: SpanState, store: RunStore, nowUs: number): string | undefined {
  const node = store.tree.get(span.span_id);
  // Of one whose children are not all here nobody can tell.
  if (!node || node.children.length === 0 || isOpen(span) || store.folded.has(span.span_id)) return undefined;
  const times = {
    spans: store.spans,
    startOf: (one: SpanState) => startOf(one),
    endOf: (one: SpanState) => endOf(one, nowUs),
  };
  const self = selfTimeUs(node, times);
  return self === undefined ? undefined : format.duration(self);
}
