/** The log records of one span in a tail that grows: each event is looked at once. Pure. */
import type { TailEvent } from "../../service/wire";

export class SpanLogs {
  private spanId: string | undefined;
  private first: TailEvent | undefined;
  private last: TailEvent | undefined;
  private found: TailEvent[] = [];

  /** Those that may hold messages, oldest first. */
  of(spanId: string, tail: readonly TailEvent[]): readonly TailEvent[] {
    const last = tail.at(-1);
    // Older events have come in front, or gone there: all are looked at again.
    const goesOn = spanId === this.spanId && tail[0] === this.first && this.last !== undefined;
    const after = goesOn ? (this.last?.seq ?? -1) : -1;
    const fresh: TailEvent[] = [];
    for (let at = tail.length - 1; at >= 0; at--) {
      const event = tail[at] as TailEvent;
      if (event.seq <= after) break;
      if (event.event === "log" && event.span_id === spanId && event.attributes !== undefined)
        fresh.push(event);
    }
    this.found = [...(goesOn ? this.found : []), ...fresh.reverse()];
    this.spanId = spanId;
    this.first = tail[0];
    this.last = last;
    return this.found;
  }
}
