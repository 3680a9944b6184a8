/** Messages, from what stands in one attribute: a list of them, a whole request or answer of an API, or a text. Pure. */
import type { AttributeValue } from "../../service/wire";
import { type Fields, fieldOf, isFields, type Message, type Part, type Role, textOf } from "./model";
import { callPart, opened, partOf, partsOf, resultValue, unquoted } from "./parts";

const DEPTH = 6;

const ROLES: Readonly<Record<string, Role>> = {
  system: "system",
  developer: "system",
  user: "user",
  human: "user",
  humanmessage: "user",
  assistant: "assistant",
  ai: "assistant",
  model: "assistant",
  chatbot: "assistant",
  aimessage: "assistant",
  aimessagechunk: "assistant",
  systemmessage: "system",
  tool: "tool",
  function: "tool",
  ipython: "tool",
  toolmessage: "tool",
  functionmessage: "tool",
};

function roleOf(word: string): Role | undefined {
  const key = word.toLowerCase();
  return Object.hasOwn(ROLES, key) ? ROLES[key] : undefined;
}

export function message(role: Role, parts: Part[], finish = ""): Message {
  return { role, name: "", parts, finish };
}

/** The messages that a value holds; what is no message is one, said by `role`. */
export function messagesOf(value: AttributeValue | undefined, role: Role, depth = 0): Message[] {
  if (value === undefined || value === null || value === "") return [];
  const seen = depth === 0 ? unquoted(value) : opened(value);
  if (seen === "null") return [];
  if (depth > DEPTH) return [message(role, [{ kind: "data", value: seen }])];
  if (Array.isArray(seen)) return listOf(seen, role, depth);
  if (isFields(seen)) return objectOf(nested(seen), role, depth);
  return [message(role, partsOf(seen))].filter((one) => one.parts.length > 0);
}

function listOf(list: readonly AttributeValue[], role: Role, depth: number): Message[] {
  const fields = list.map((each) => (isFields(each) ? nested(each) : opened(each)));
  // Parts that stand without a message around them are one message.
  const isPart = (each: AttributeValue) => isFields(each) && !isMessage(each) && partOf(each) !== null;
  if (fields.length > 0 && fields.every(isPart)) return [message(role, partsOf(fields))];
  if (fields.length > 0 && fields.every((each) => typeof each !== "object")) {
    return [message(role, [{ kind: "text", text: fields.map(String).join("\n\n") }])];
  }
  return fields.flatMap((each) => messagesOf(each, role, depth + 1));
}

function isMessage(fields: Fields): boolean {
  const { role, parts, kwargs, data, type } = fields;
  if (typeof role === "string" || Array.isArray(parts)) return true;
  if (isFields(kwargs) || isFields(data)) return true;
  return typeof type === "string" && roleOf(type) !== undefined;
}

/** An object: a message, an item of one, or a whole request or answer of an API. */
function objectOf(fields: Fields, role: Role, depth: number): Message[] {
  const deeper = (value: AttributeValue | undefined, by: Role = role) => messagesOf(value, by, depth + 1);
  const { messages, choices, generations, candidates, contents, output } = fields;
  if (isArguments(fields)) return argumentsOf(fields, role, depth);
  if (Array.isArray(messages)) {
    return [...deeper(fieldOf(fields, "system", "instructions"), "system"), ...deeper(messages)];
  }
  if (Array.isArray(choices)) return choices.flatMap((each) => choiceOf(each, role, depth));
  if (Array.isArray(generations))
    return generations.flat().flatMap((each) => generationOf(each, role, depth));
  if (Array.isArray(candidates)) return candidates.flatMap((each) => choiceOf(each, role, depth));
  if (Array.isArray(contents) && fields.role === undefined) {
    return [
      ...deeper(fieldOf(fields, "system_instruction", "systemInstruction"), "system"),
      ...deeper(contents),
    ];
  }
  const { request, config } = fields;
  if (
    isFields(config) &&
    config.system_instruction !== undefined &&
    contents === undefined &&
    isFields(request)
  ) {
    return deeper(request);
  }
  if (isMessage(fields)) return messageOf(fields, role);
  if (Array.isArray(output) && fields.object !== undefined) return deeper(output, "assistant");
  if (output !== undefined && isFields(output) && isFields(output.message))
    return deeper(output.message, "assistant");
  const part = partOf(fields);
  if (part)
    return [message(part.kind === "result" ? "tool" : part.kind === "call" ? "assistant" : role, [part])];
  const asked = fieldOf(fields, "prompt", "input", "question", "query");
  if (
    asked !== undefined &&
    Object.keys(fields).every((name) => /^(prompt|input|question|query|model|instructions)$/.test(name))
  ) {
    return [...deeper(fields.instructions, "system"), ...deeper(asked)];
  }
  const { content } = fields;
  if (content !== undefined) return messageOf(fields, role);
  return [message(role, [{ kind: "data", value: fields }])];
}

/** Of a function in Python, whose decorator tells what it was called with. */
function isArguments(fields: Fields): boolean {
  return Array.isArray(fields.args) && isFields(fields.kwargs) && Object.keys(fields).length === 2;
}

function argumentsOf({ args, kwargs }: Fields, role: Role, depth: number): Message[] {
  const list = Array.isArray(args) ? args : [];
  const named = isFields(kwargs) ? kwargs : {};
  if (Object.keys(named).length === 0 && list.length < 2) return messagesOf(list[0], role, depth + 1);
  return [
    message(role, [{ kind: "data", value: list.length === 0 ? named : { args: list, kwargs: named } }]),
  ];
}

function choiceOf(choice: AttributeValue, role: Role, depth: number): Message[] {
  if (!isFields(choice)) return messagesOf(choice, role, depth + 1);
  const said = fieldOf(choice, "message", "delta", "content", "text") ?? null;
  const finish = textOf(choice, "finish_reason", "finishReason");
  return messagesOf(said, role, depth + 1).map((one) => ({ ...one, finish: one.finish || finish }));
}

function generationOf(generation: AttributeValue, role: Role, depth: number): Message[] {
  if (!isFields(generation)) return messagesOf(generation, role, depth + 1);
  return messagesOf(fieldOf(generation, "message", "text") ?? null, role, depth + 1);
}

/** A message; results of tools that stand in it beside what the user says are a message of the tool's. */
function messageOf(fields: Fields, fallback: Role): Message[] {
  const { kwargs, data, id: path } = fields;
  if (isFields(kwargs) && Array.isArray(path)) {
    return messageOf({ type: String(path.at(-1) ?? ""), ...kwargs }, fallback); // LangChain, serialised
  }
  if (isFields(data) && fields.content === undefined) {
    return messageOf({ ...data, type: fieldOf(fields, "type") ?? null }, fallback);
  }
  const role = roleOf(textOf(fields, "role")) ?? roleOf(textOf(fields, "type")) ?? fallback;
  const spoken = contentOf(fields, role);
  const parts = [...reasoningOf(fields), ...spoken, ...callsOf(fields, spoken)];
  const finish = textOf(fields, "finish_reason", "stop_reason", "finishReason");
  const name = role === "tool" ? "" : textOf(fields, "name");
  const results = parts.filter((part) => part.kind === "result");
  if (role === "tool" || results.length === 0) return [{ role, name, parts, finish }];
  const rest = parts.filter((part) => part.kind !== "result");
  const answers = message("tool", results);
  const own = rest.length > 0 ? [{ role, name, parts: rest, finish }] : [];
  // What a model says calls first; what a user says, in the form of Anthropic's API, answers first.
  return role === "assistant" ? [...own, answers] : [answers, ...own];
}

function contentOf(fields: Fields, role: Role): Part[] {
  const content = fieldOf(fields, "parts", "content", "contents", "text", "message", "refusal");
  const parts = partsOf(content);
  if (role !== "tool" || parts.some((part) => part.kind === "result")) return parts;
  const failed = fields.status === "error" || fields.is_error === true;
  const id = textOf(fields, "tool_call_id", "toolCallId", "id");
  return [{ kind: "result", id, name: textOf(fields, "name"), value: resultValue(content ?? null), failed }];
}

function reasoningOf(fields: Fields): Part[] {
  const text = textOf(fields, "reasoning_content", "reasoning");
  return text ? [{ kind: "reasoning", text }] : [];
}

/** Calls that stand beside the content; LangChain tells those of Anthropic in both places. */
function callsOf(fields: Fields, spoken: readonly Part[]): Part[] {
  const beside = opened(fieldOf(fields, "tool_calls", "toolCalls") ?? []);
  const { function_call: single } = fields;
  const list = Array.isArray(beside) ? beside.slice() : [];
  if (isFields(single) && typeof single.name === "string") list.push(single);
  const known = new Set(spoken.map((part) => (part.kind === "call" ? part.id : "")).filter(Boolean));
  return list
    .filter(isFields)
    .map((each) => callPart(nested(each)))
    .filter((call) => !known.has(call.id));
}

/** `{"contents.0.message_content.type": …}` as the lists and objects that its names tell of. */
export function nested(fields: Fields): Fields {
  if (!Object.keys(fields).some((key) => /\.\d+(\.|$)|^[a-z_]+\.[a-z_.]+$/.test(key))) return fields;
  const made: Fields = {};
  for (const [key, value] of Object.entries(fields)) {
    const path = key.split(".");
    let place: Fields = made;
    path.forEach((step, at) => {
      if (step === "__proto__") return;
      if (at === path.length - 1) place[step] = value;
      else {
        const next = Object.hasOwn(place, step) ? place[step] : undefined;
        const inner: Fields = isFields(next) ? next : {};
        place[step] = inner;
        place = inner;
      }
    });
  }
  return listed(made) as Fields;
}

/** Objects whose names are 0, 1, 2 … are lists. */
function listed(value: AttributeValue): AttributeValue {
  if (!isFields(value)) return value;
  const keys = Object.keys(value);
  const inner = Object.fromEntries(keys.map((key) => [key, listed(value[key] ?? null)]));
  if (keys.length === 0 || !keys.every((key) => /^\d{1,4}$/.test(key))) return inner;
  return keys.sort((a, b) => Number(a) - Number(b)).map((key) => inner[key] ?? null);
}
