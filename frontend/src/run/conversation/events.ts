/** Messages in span events of older conventions, and in log records about a span. Pure. */
import type { Attributes, SpanState, TailEvent } from "../../service/wire";
import { messagesOf } from "./messages";
import { type Conversation, type Fields, isFields, type Message, type Role, textOf } from "./model";
import { ANSWERED, ASKED, first, INSTRUCTIONS } from "./names";
import { opened } from "./parts";

/** A span event, or a log record about the span. */
interface Noted {
  name: string;
  attributes: Attributes;
  /** What a log record says, which may be the message as JSON. */
  body?: string | undefined;
}

export function noted(span: SpanState, logs: readonly TailEvent[]): Noted[] {
  const events: Noted[] = (span.span_events ?? []).map(({ name, attributes = {} }) => ({ name, attributes }));
  for (const { message: body, attributes = {} } of logs) {
    const named = attributes["event.name"];
    events.push({ name: typeof named === "string" ? named : (body ?? ""), attributes, body });
  }
  return events;
}

const EVENT_ROLES: Readonly<Record<string, Role>> = {
  "gen_ai.system.message": "system",
  "gen_ai.user.message": "user",
  "gen_ai.assistant.message": "assistant",
  "gen_ai.tool.message": "tool",
  "gen_ai.choice": "assistant",
};

/** Conventions before 1.37 told messages by events; Azure, OpenLIT and Claude Code have names of their own. */
export function fromEvents(made: Conversation, events: readonly Noted[]): void {
  const asked: Message[] = [];
  const answered: Message[] = [];
  for (const { name, attributes, body } of events) {
    const role = Object.hasOwn(EVENT_ROLES, name) ? EVENT_ROLES[name] : undefined;
    if (role !== undefined) {
      (name === "gen_ai.choice" ? answered : asked).push(...eventMessages(attributes, body, role));
    } else if (name === "gen_ai.content.prompt")
      asked.push(...messagesOf(attributes["gen_ai.prompt"], "user"));
    else if (name === "gen_ai.content.completion") {
      answered.push(...messagesOf(attributes["gen_ai.completion"], "assistant"));
    } else if (name === "gen_ai.client.inference.operation.details") {
      asked.push(...first(attributes, INSTRUCTIONS, "system"), ...first(attributes, ASKED, "user"));
      answered.push(...first(attributes, ANSWERED, "assistant"));
    } else if (name === "user_prompt") asked.push(...messagesOf(attributes.prompt, "user"));
    else if (name === "assistant_response") answered.push(...messagesOf(attributes.response, "assistant"));
  }
  if (made.asked.length === 0) made.asked = asked;
  if (made.answered.length === 0) made.answered = answered;
}

function eventMessages(attributes: Attributes, body: string | undefined, role: Role): Message[] {
  const whole = opened(attributes["gen_ai.event.content"] ?? body ?? "");
  const said: Fields = isFields(whole) ? { ...attributes, ...whole } : { ...attributes };
  const { message: inner } = said;
  const stated = typeof inner === "string" ? opened(inner) : inner;
  const fields: Fields = isFields(stated) ? { ...said, ...stated } : said;
  const { content, tool_calls: calls, parts } = fields;
  if (content === undefined && calls === undefined && parts === undefined && inner === undefined) return [];
  const picked: Fields = { role: textOf(fields, "role") || role };
  for (const key of ["content", "tool_calls", "parts", "id", "name", "finish_reason", "message"]) {
    const value = fields[key];
    if (value !== undefined && !(key === "message" && isFields(stated)))
      picked[key] = typeof value === "string" ? opened(value) : value;
  }
  return messagesOf(picked, role);
}
