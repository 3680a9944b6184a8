/** Where a span tells its conversation: attributes, span events of older conventions, log records beside it. Pure. */
import type { Attributes, AttributeValue, SpanState, TailEvent } from "../../service/wire";
import { message, messagesOf, nested } from "./messages";
import {
  type Conversation,
  type Fields,
  isFields,
  type Message,
  type Part,
  type Role,
  textOf,
} from "./model";
import { callPart, opened, resultValue } from "./parts";

/** In the order in which they are looked for; the service has given the first two names to what most libraries call otherwise. */
const ASKED = [
  "gen_ai.input.messages",
  "gen_ai.request.messages",
  "ai.prompt.messages",
  "pydantic_ai.all_messages",
  "all_messages_events",
  "gcp.vertex.agent.llm_request",
  "ai.prompt",
  "user_prompt",
  "new_context",
  "gen_ai.agent.invocation_input",
];
const ANSWERED = [
  "gen_ai.output.messages",
  "gen_ai.response.text",
  "gcp.vertex.agent.llm_response",
  "ai.response.text",
  "ai.response.object",
  "response.model_output",
  "final_result",
  "gen_ai.agent.invocation_output",
];
/** Of any span, a step of a chain as well: what went in and what came out. */
const IN = [
  "input.value",
  "traceloop.entity.input",
  "langfuse.observation.input",
  "mlflow.spanInputs",
  "haystack.component.input",
  "haystack.agent.input",
  "ai.value",
];
const OUT = [
  "output.value",
  "traceloop.entity.output",
  "langfuse.observation.output",
  "mlflow.spanOutputs",
  "haystack.component.output",
  "haystack.agent.output",
];
const INSTRUCTIONS = [
  "gen_ai.system_instructions",
  "user_system_prompt",
  "system_prompt_preview",
  "ai.prompt.system",
];
const TOOLS = [
  "gen_ai.tool.definitions",
  "ai.prompt.tools",
  "gen_ai.request.available_tools",
  "mlflow.chat.tools",
];
const FLATTENED: readonly (readonly [prefix: string, role: Role])[] = [
  ["llm.input_messages.", "user"],
  ["gen_ai.prompt.", "user"],
  ["llm.prompts.", "user"],
  ["llm.output_messages.", "assistant"],
  ["gen_ai.completion.", "assistant"],
  ["llm.completions.", "assistant"],
];

/** What was said in a span; null where it tells nothing of the kind. */
export function conversationOf(span: SpanState, logs: readonly TailEvent[] = []): Conversation | null {
  const attributes = span.attributes ?? {};
  if (span.kind === "tool") return toolConversation(span, logs);
  const made: Conversation = { asked: [], answered: [], tools: toolNames(attributes) };
  made.asked = first(attributes, ASKED, "user");
  made.answered = first(attributes, ANSWERED, "assistant");
  if (made.asked.length === 0) made.asked = flattened(attributes, "user");
  if (made.answered.length === 0) made.answered = flattened(attributes, "assistant");
  fromEvents(made, noted(span, logs));
  const isCall = span.kind === "llm_call" || span.kind === "llm_group";
  if (made.asked.length === 0) made.asked = first(attributes, IN, isCall ? "user" : "input");
  if (made.answered.length === 0) made.answered = first(attributes, OUT, isCall ? "assistant" : "output");
  addBeside(made, attributes);
  splitWhole(made, attributes);
  const instructions = first(attributes, INSTRUCTIONS, "system").map((one) => ({
    ...one,
    role: "system" as const,
  }));
  if (instructions.length > 0 && !made.asked.some((one) => one.role === "system"))
    made.asked.unshift(...instructions);
  return made.asked.length + made.answered.length > 0 ? made : null;
}

function first(attributes: Attributes, names: readonly string[], role: Role): Message[] {
  for (const name of names) {
    const messages = messagesOf(attributes[name], role);
    if (messages.length > 0) return messages;
  }
  return [];
}

function flattened(attributes: Attributes, role: Role): Message[] {
  for (const [prefix, by] of FLATTENED) {
    if (by !== role) continue;
    const found = Object.entries(attributes).filter(
      ([key]) => key.startsWith(prefix) && /^\d/.test(key.slice(prefix.length)),
    );
    if (found.length === 0) continue;
    const whole = nested(
      Object.fromEntries(found.map(([key, value]) => [`list.${key.slice(prefix.length)}`, value])),
    );
    const { list } = whole;
    const unwrapped = Array.isArray(list)
      ? list.map((each) => (isFields(each) ? withoutWrapper(each) : each))
      : [];
    const messages = messagesOf(unwrapped, role);
    if (messages.length > 0) return messages;
  }
  return [];
}

/** OpenInference says `llm.input_messages.0.message.role`, and `llm.prompts.0.prompt.text`. */
function withoutWrapper(fields: Fields): Fields {
  const [name, ...others] = Object.keys(fields);
  const inner = name !== undefined && others.length === 0 ? fields[name] : undefined;
  return isFields(inner) ? inner : fields;
}

/** The Vercel AI SDK tells the parts of one answer in attributes of their own. */
function addBeside(made: Conversation, attributes: Attributes): void {
  const parts: Part[] = [];
  const has = (kind: Part["kind"]) =>
    made.answered.some((one) => one.parts.some((part) => part.kind === kind));
  const reasoning = attributes["ai.response.reasoning"];
  if (typeof reasoning === "string" && reasoning && !has("reasoning"))
    parts.push({ kind: "reasoning", text: reasoning });
  const calls = opened(attributes["ai.response.toolCalls"] ?? attributes["gen_ai.response.tool_calls"] ?? []);
  if (Array.isArray(calls) && !has("call"))
    parts.push(...calls.filter(isFields).map((each) => callPart(each)));
  if (parts.length === 0) return;
  const last = made.answered.at(-1);
  if (!last) made.answered.push(message("assistant", parts));
  else {
    const before = parts.filter((part) => part.kind === "reasoning");
    made.answered[made.answered.length - 1] = {
      ...last,
      parts: [...before, ...last.parts, ...parts.filter((part) => part.kind !== "reasoning")],
    };
  }
}

/** An attribute that tells the whole conversation has the last answer in it. */
function splitWhole(made: Conversation, attributes: Attributes): void {
  const isWhole = ["pydantic_ai.all_messages", "all_messages_events"].some(
    (name) => attributes[name] !== undefined,
  );
  if (!isWhole || made.asked.at(-1)?.role !== "assistant") return;
  const last = made.asked.pop();
  if (last) made.answered = [last];
}

/** A span event, or a log record about the span. */
interface Noted {
  name: string;
  attributes: Attributes;
  /** What a log record says, which may be the message as JSON. */
  body?: string | undefined;
}

function noted(span: SpanState, logs: readonly TailEvent[]): Noted[] {
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
function fromEvents(made: Conversation, events: readonly Noted[]): void {
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

function toolConversation(span: SpanState, logs: readonly TailEvent[]): Conversation | null {
  const { attributes = {} } = span;
  const given = pick(attributes, [
    "gen_ai.tool.call.arguments",
    "tool_arguments",
    "gen_ai.tool.input",
    "tool_input",
    "input.value",
    "full_command",
  ]);
  const output = pick(attributes, [
    "gen_ai.tool.call.result",
    "tool_response",
    "gen_ai.tool.output",
    "tool_output",
    "tool.result",
    "output.value",
  ]);
  const log = logs.find((line) => line.attributes?.["event.name"] === "tool_result")?.attributes;
  const input = given ?? log?.tool_input;
  const id = textOf(attributes, "gen_ai.tool.call.id");
  const name = textOf(attributes, "gen_ai.tool.name", "tool.name") || (span.name ?? "");
  const made: Conversation = { asked: [], answered: [], tools: [] };
  if (input !== undefined) {
    const call = callPart({
      id,
      name,
      arguments: typeof input === "string" && !/^\s*[[{]/.test(input) ? { input } : input,
    });
    made.asked.push(message("assistant", [call]));
  }
  if (output !== undefined) {
    made.answered.push(
      message("tool", [{ kind: "result", id, name, value: resultValue(output), failed: false }]),
    );
  }
  return made.asked.length + made.answered.length > 0 ? made : null;
}

function pick(attributes: Attributes, names: readonly string[]): AttributeValue | undefined {
  for (const name of names) {
    const value = attributes[name];
    if (value !== undefined && value !== null && value !== "") return value;
  }
  return undefined;
}

function toolNames(attributes: Attributes): string[] {
  const value = opened(pick(attributes, TOOLS) ?? []);
  if (!Array.isArray(value)) return [];
  const names = value.map((each) => {
    const tool = opened(each);
    if (!isFields(tool)) return "";
    const { function: inner } = tool;
    return textOf(tool, "name") || (isFields(inner) ? textOf(inner, "name") : "");
  });
  return names.filter(Boolean);
}
