/** What a call says that the reader has not read yet, and which calls of tools have a place of their own. Pure. */
import { repeated } from "../../run/conversation/history";
import type { CallPart, Conversation, Message, ResultPart } from "../../run/conversation/model";

/** The messages of a call that are new since the one before, without what its tools tell themselves. */
export function newMessages(
  conversation: Conversation,
  before: Conversation | null,
  ran: { before: ReadonlySet<string>; now: ReadonlySet<string> },
): Message[] {
  const from = before ? repeated(before, conversation.asked) : 0;
  const called = new Map<string, string>();
  for (const one of before?.answered ?? []) {
    for (const part of one.parts) if (part.kind === "call") called.set(part.id, part.name);
  }
  const asked = conversation.asked
    .slice(from)
    .map((one) => without(one, (part) => ran.before.has(part.name || (called.get(part.id) ?? ""))));
  const answered = conversation.answered.map((one) => withoutCalls(one, ran.now));
  return [...asked, ...answered].filter((one) => one.parts.length > 0);
}

function without(one: Message, isTold: (part: ResultPart) => boolean): Message {
  return { ...one, parts: one.parts.filter((part) => part.kind !== "result" || !isTold(part)) };
}

function withoutCalls(one: Message, names: ReadonlySet<string>): Message {
  return { ...one, parts: one.parts.filter((part) => part.kind !== "call" || !names.has(part.name)) };
}

/** The call that a tool's span is, as its model made it: the `place`-th of that name. */
export function callOf(conversation: Conversation | null, name: string, place: number): CallPart | undefined {
  const calls = (conversation?.answered ?? [])
    .flatMap((one) => one.parts)
    .filter((part) => part.kind === "call");
  return calls.filter((call) => call.name === name)[place];
}
