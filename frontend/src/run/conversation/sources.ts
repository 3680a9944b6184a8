/** Where the conversation of a span stands: attributes, span events of older conventions, log records. Pure. */
import type { Attributes, SpanState, TailEvent } from "../../service/wire";
import { documentConversation } from "./documents";
import { embeddingConversation, isEmbedding } from "./embedding";
import { fromEvents, noted } from "./events";
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
import { ANSWERED, ASKED, first, IN, INSTRUCTIONS, OUT, pick, TOOLS } from "./names";
import { callPart, opened } from "./parts";
import { toolConversation } from "./tool-span";

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
  if (span.kind === "retrieval") return documentConversation(attributes);
  if (isEmbedding(span)) return embeddingConversation(attributes);
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
