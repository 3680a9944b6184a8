/**
 * Which events came late. A tail is in the order of arrival: what a process sends late, or by a clock that is behind,
 * stands below events that are newer. Pure.
 */
import type { TailEvent } from "../../service/wire";

/** Less is the way to the live store, and that of batches. */
const LATE_US = 100_000;

/** Events behind one that are all older make it an exception: then it is that one whose clock is ahead. */
const AHEAD_OF = 3;

/** How late each event is, in µs behind the newest before it; only those that are late by `LATE_US` or more. */
export class LateMarks {
  private readonly marks = new WeakMap<TailEvent, number>();
  private last: TailEvent | undefined;
  private first: TailEvent | undefined;

  /** Looks through a part of the tail, unless it is the same as the last time. */
  look(events: readonly TailEvent[]): void {
    const first = events[0];
    const last = events.at(-1);
    if (first === this.first && last === this.last) return;
    this.first = first;
    this.last = last;
    let newest = 0;
    events.forEach((event, at) => {
      if (newest - event.ts >= LATE_US) this.marks.set(event, newest - event.ts);
      else if (event.ts > newest && !isAhead(events, at)) newest = event.ts;
    });
  }

  /** µs; undefined for an event that came in time. */
  of(event: TailEvent): number | undefined {
    return this.marks.get(event);
  }
}

function isAhead(events: readonly TailEvent[], at: number): boolean {
  const limit = (events[at]?.ts ?? 0) - LATE_US;
  for (let next = at + 1; next <= at + AHEAD_OF; next++) {
    const event = events[next];
    if (event === undefined || event.ts >= limit) return false;
  }
  return true;
}
