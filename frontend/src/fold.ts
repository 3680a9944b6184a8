/**
 * Which state of a span stays, and what an event makes of it. Pure.
 *
 * Per span: final over abandoned over running, then the higher `rev`. The run script and the Python readers have
 * their own copies; all are held to `tests/golden/rules/fold.json`.
 */
import type { SpanState, SpanStatus, TailEvent } from "./service/wire";

const CHANGE = /_(start|update|complete|error|skip|cancelled|abandoned|revived)$/;

export const RUNNING = 0;
const ABANDONED = 1;
export const FINAL = 2;

export function rank(status: SpanStatus | undefined): number {
  if (status === undefined || status === "running") return RUNNING;
  return status === "abandoned" ? ABANDONED : FINAL;
}

/**
 * Above 0 where an event wins over the state that is held, 0 where it repeats it, below 0 where it loses and changes
 * nothing. A runner that was thought dead and came back (`_revived`) is the one case in which a lower rank wins.
 */
export function compare(
  event: Pick<TailEvent, "event" | "status" | "rev">,
  held: Pick<SpanState, "status" | "rev">,
): number {
  const byRank = rank(event.status) - rank(held.status);
  if (byRank === 0) return (event.rev ?? -1) - (held.rev ?? -1);
  return rank(held.status) === ABANDONED && event.event.endsWith("_revived") ? 1 : byRank;
}

/**
 * True when the event is a change of its span's state, false for a span event or a log line. A span event of
 * an application may end in "_error" too: only the span's own kind + suffix is a change of state.
 */
export function changesSpan(event: TailEvent, before?: SpanState): boolean {
  if (event.event === "log" || event.span_id === undefined) return false;
  const suffix = CHANGE.exec(event.event);
  return suffix !== null && (event.kind ?? before?.kind ?? "span") === event.event.slice(0, suffix.index);
}

/**
 * What an event that does not lose makes of the state that is held. What an update does not say is unchanged;
 * attributes and tokens are merged by their names. Every other change brings all there is.
 */
export function merged(held: SpanState, event: SpanState): SpanState {
  const isUpdate = rank(event.status) === RUNNING && event.event?.endsWith("_update") === true;
  const made: SpanState = isUpdate ? { ...held, ...event } : { ...event };
  if (isUpdate) {
    if (held.attributes && event.attributes) made.attributes = { ...held.attributes, ...event.attributes };
    if (held.tokens && event.tokens) made.tokens = { ...held.tokens, ...event.tokens };
    made.end = event.end ?? null;
    if (held.span_events && (event.span_events?.length ?? 0) < held.span_events.length) {
      made.span_events = held.span_events;
    }
  }
  if (held.corrected || (held.status === "abandoned" && event.status !== "abandoned")) made.corrected = true;
  return made;
}
