/** The events of a tail that fit a filter. Pure. */

import type { TailEvent } from "../service/wire";
import { matches } from "./events";

/** Index of an event by its seq, or of the next one: a tail is ordered. */
export function indexAt(events: readonly TailEvent[], seq: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.seq ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Ten thousand events are filtered ten times a second: only those that are new are looked at. */
export class TailFilter {
  private words = "";
  private found: readonly TailEvent[] = [];
  private first: TailEvent | undefined;
  private last: TailEvent | undefined;

  get isSet(): boolean {
    return this.words !== "";
  }

  /** Every word must be in an event's visible text, or in its span's name. */
  set(words: string): void {
    this.words = words.trim();
    this.forget();
  }

  forget(): void {
    this.found = [];
    this.first = this.last = undefined;
  }

  of(tail: readonly TailEvent[], nameOf: (spanId: string | undefined) => string): readonly TailEvent[] {
    if (!this.isSet) return tail.slice();
    const start = tail[0]?.seq ?? 0;
    const { first, last } = this;
    let seen = 0;
    // The same events are still there and none came in front of them: some may have left at the front.
    if (first && last && start >= first.seq && tail[indexAt(tail, last.seq)] === last) {
      seen = indexAt(tail, last.seq) + 1;
      this.found = this.found.slice(indexAt(this.found, start));
    } else this.found = [];
    const fresh = tail.slice(seen).filter((event) => matches(event, this.words, nameOf(event.span_id)));
    this.found = this.found.concat(fresh);
    this.first = tail[0];
    this.last = tail.at(-1);
    return this.found;
  }
}
