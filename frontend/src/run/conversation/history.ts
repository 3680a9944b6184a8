/** What of a conversation is new since the last call, and which result belongs to which call of a tool. Pure. */
import { writeJson } from "../../service/json";
import type { CallPart, Conversation, Message, ResultPart } from "./model";

/** Two messages with the same key say the same. */
export function keyOf(one: Message): string {
  return writeJson([
    one.role,
    one.parts.map((part) => ({ ...part, name: "name" in part && part.kind === "call" ? part.name : "" })),
  ]);
}

/**
 * How many messages at the beginning of `asked` were said by or before the call of `earlier`. Each call repeats all that
 * went before; a library may leave the system's instructions out of one of them.
 */
export function repeated(earlier: Conversation, asked: readonly Message[]): number {
  const said = [...earlier.asked, ...earlier.answered].map(keyOf);
  const now = asked.map(keyOf);
  let at = 0;
  let count = 0;
  for (const key of now) {
    const found = said.indexOf(key, at);
    // Only instructions may be skipped: otherwise a message that was said twice would hide what stands between.
    if (found < 0 || earlier.asked.slice(at, found).some((skipped) => skipped.role !== "system")) break;
    at = found + 1;
    count++;
  }
  return Math.max(count, repeatedEnd(said, now, asked[0]?.role === "system" ? 1 : 0));
}

/** The same where the beginning was left out, as agents do when it gets long: what is repeated is the end of what was said. */
function repeatedEnd(said: readonly string[], now: readonly string[], from: number): number {
  const first = now[from];
  if (first === undefined) return 0;
  for (let at = said.indexOf(first); at >= 0; at = said.indexOf(first, at + 1)) {
    const length = said.length - at;
    // One message alone may be said again.
    if (length > 1 && said.slice(at).every((key, place) => key === now[from + place])) return from + length;
  }
  return 0;
}

/** The result of each call that has one: by id, else by the order of the calls. */
export function results(messages: readonly Message[]): Map<CallPart, ResultPart> {
  const found = new Map<CallPart, ResultPart>();
  const open: CallPart[] = [];
  for (const { parts } of messages) {
    for (const part of parts) {
      if (part.kind === "call") open.push(part);
      else if (part.kind === "result") {
        const at = open.findIndex((call) =>
          part.id ? call.id === part.id : part.name === "" || call.name === part.name,
        );
        const [call] = at < 0 ? [] : open.splice(at, 1);
        if (call) found.set(call, part);
      }
    }
  }
  return found;
}
