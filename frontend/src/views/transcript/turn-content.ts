/** What a call says that the reader has not read yet, and which calls of tools have a place of their own. Pure. */

import { queryOf } from "../../run/conversation/documents";
import { repeated } from "../../run/conversation/history";
import type { CallPart, Conversation, Message, ResultPart } from "../../run/conversation/model";
import { toolName } from "../../run/transcript/items";
import type { AttributeValue, SpanState } from "../../service/wire";
import type { SpanLoader } from "./span-loader";

/** Tools that have run, by their names and the ids of their calls: either tells that a call has a place of its own. */
export type Ran = ReadonlySet<string>;

/** The messages of a call that are new since the one before, without what its tools tell themselves. */
export function newMessages(
  conversation: Conversation,
  before: Conversation | null,
  ran: { before: Ran; now: Ran },
): Message[] {
  const from = before ? repeated(before, conversation.asked) : 0;
  const called = new Map<string, string>();
  for (const one of before?.answered ?? []) {
    for (const part of one.parts) if (part.kind === "call") called.set(part.id, part.name);
  }
  const asked = conversation.asked
    .slice(from)
    .map((one) => without(one, (part) => has(ran.before, part.name || (called.get(part.id) ?? ""), part.id)));
  const answered = conversation.answered.map((one) => withoutCalls(one, ran.now));
  return [...asked, ...answered].filter((one) => one.parts.length > 0);
}

function without(one: Message, isTold: (part: ResultPart) => boolean): Message {
  return { ...one, parts: one.parts.filter((part) => part.kind !== "result" || !isTold(part)) };
}

function withoutCalls(one: Message, ran: Ran): Message {
  return { ...one, parts: one.parts.filter((part) => part.kind !== "call" || !has(ran, part.name, part.id)) };
}

function has(ran: Ran, name: string, id: string): boolean {
  return ran.has(name) || (id !== "" && ran.has(id));
}

/** The call that a tool's span is, as its model made it: by its id, else the `place`-th of that name. */
export function callOf(
  conversation: Conversation | null,
  { name, id = "", place }: { name: string; id?: string; place: number },
): CallPart | undefined {
  const calls = (conversation?.answered ?? [])
    .flatMap((one) => one.parts)
    .filter((part) => part.kind === "call");
  const known = id === "" ? undefined : calls.find((call) => call.id === id);
  return known ?? calls.filter((call) => call.name === name)[place];
}

/** What was said in words: of a span around the calls, which may be the only one that tells it. */
export function spokenMessages(conversation: Conversation | null): Message[] {
  const all = [...(conversation?.asked ?? []), ...(conversation?.answered ?? [])];
  return all
    .filter((one) => one.role === "user" || one.role === "assistant")
    .map((one) => ({ ...one, parts: one.parts.filter((part) => part.kind === "text") }))
    .filter((one) => one.parts.length > 0);
}

/** The id of the call that a tool's span answers; empty where it does not say. */
export function callId(span: SpanState | undefined): string {
  const id = span?.attributes?.["gen_ai.tool.call.id"];
  return typeof id === "string" ? id : "";
}

/** The tools of these spans, once all of them are here. */
export function ranIn(
  ids: readonly string[],
  { loader }: { loader: SpanLoader },
): { names: string[]; known: Ran; isWhole: boolean } {
  const held = ids.map((id) => loader.get(id));
  const names = [...new Set(held.map(({ span }) => toolName(span)))];
  const known = new Set([...names, ...held.map(({ span }) => callId(span)).filter(Boolean)]);
  return { names, known, isWhole: held.every(({ isWhole }) => isWhole) };
}

/** What a tool was asked and gave back, as its own span tells it; of a search its query and what it found. */
export function toldBy(
  span: SpanState | undefined,
  conversation: Conversation | null,
): { call?: CallPart; result?: ResultPart } {
  if (!conversation) return {};
  const asked = conversation.asked.flatMap((one) => one.parts);
  const answered = conversation.answered.flatMap((one) => one.parts);
  if (span?.kind !== "retrieval") {
    const call = asked.find((part) => part.kind === "call");
    const result = answered.find((part) => part.kind === "result");
    return { ...(call ? { call } : {}), ...(result ? { result } : {}) };
  }
  const call: CallPart = {
    kind: "call",
    id: "",
    name: toolName(span),
    arguments: { query: queryOf(conversation) },
  };
  const found = answered.map((part): AttributeValue => {
    if (part.kind === "document") return part.text || part.title;
    return part.kind === "text" ? part.text : part.kind === "data" ? part.value : "";
  });
  if (found.length === 0) return { call };
  return { call, result: { kind: "result", id: "", name: "", value: found, failed: false } };
}
