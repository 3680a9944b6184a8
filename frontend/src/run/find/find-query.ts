/** What a search in a run asks for, as the service reads it (`search/query.py` there). Pure. */

import type { SpanState, TailEvent } from "../../service/wire";
import { isUnpriced } from "../../store";
import { fellBack } from "../../text/reasons";

export interface Term {
  /** In lower case; empty for a word that may stand anywhere. */
  readonly key: string;
  /** In lower case. */
  readonly text: string;
}

const TERM = /(?:([A-Za-z_][\w.-]*):(?![:/]))?(?:"([^"]*)"?|(\S+))/g;
/** Characters, as the service takes them. */
export const MAX_QUERY = 500;

export function terms(query: string): Term[] {
  const found: Term[] = [];
  for (const [, key = "", quoted, plain = ""] of query.slice(0, MAX_QUERY).matchAll(TERM)) {
    const text = (quoted ?? plain).toLowerCase();
    if (text) found.push({ key: key.toLowerCase(), text });
  }
  return found;
}

const FIELDS = [
  "name",
  "status",
  "kind",
  "backend",
  "model",
  "tier",
  "service",
  "span_id",
  "parent_id",
  "runner",
  "layer",
  "fallback_from",
  "fallback_reason",
  "cost_note",
] as const;
/** A shorter word is not looked for in ids, in which it stands by chance: 429 in 34 of 10,000. */
const PART_OF_ID = 8;
const OTHER_NAMES: Readonly<Record<string, string>> = { id: "span_id", span: "span_id", parent: "parent_id" };

/** Whether what the page holds of a span fulfils all terms. It holds no attributes: the service knows more. */
export function spanMatches(span: SpanState, wanted: readonly Term[]): boolean {
  return wanted.every((term) => termMatches(span, term));
}

function termMatches(span: SpanState, { key, text }: Term): boolean {
  if (key === "is") return flagged(span, text);
  const named = OTHER_NAMES[key] ?? key;
  const fields: Readonly<Record<string, unknown>> = span as unknown as Record<string, unknown>;
  for (const field of FIELDS) {
    if (named !== "" && named !== field) continue;
    const value = fields[field];
    if (typeof value !== "string") continue;
    if (named === "" && field.endsWith("_id") && text.length < PART_OF_ID) continue;
    // A word that may stand anywhere has to be a whole kind or status: most spans are "ok" and a "span".
    const whole = named === "" && (field === "status" || field === "kind");
    if (whole ? value === text : value.toLowerCase().includes(text)) return true;
  }
  if (named === "" || named === "error") {
    const { type = "", message = "" } = span.error ?? {};
    if (type.toLowerCase().includes(text) || message.toLowerCase().includes(text)) return true;
  }
  if (named === "" || named === "event" || named === "events")
    return span.span_events?.some(({ name }) => name.toLowerCase().includes(text)) ?? false;
  return false;
}

function flagged(span: SpanState, flag: string): boolean {
  if (flag === "unpriced") return isUnpriced(span);
  if (flag === "fallback") return fellBack(span);
  if (flag === "llm") return span.kind === "llm_call";
  return span.status === flag;
}

/** Whether a log line fulfils all terms. */
export function lineMatches(event: TailEvent, wanted: readonly Term[]): boolean {
  if (event.event !== "log") return false;
  const texts = [event.message, event.level, event.logger].filter((text) => typeof text === "string");
  const lowered = texts.map((text) => text.toLowerCase());
  return wanted.every(
    ({ key, text }) => (key === "" || key === "log") && lowered.some((each) => each.includes(text)),
  );
}
