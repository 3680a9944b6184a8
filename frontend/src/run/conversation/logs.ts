/** The log records that may tell what was said in a span. Pure. */
import type { SpanState, TailEvent } from "../../service/wire";

const NONE: readonly TailEvent[] = [];

/** The log records of a tail by what they are about. The tail grows: each event is looked at once. */
export class LogRecords {
  private first: TailEvent | undefined;
  private last: TailEvent | undefined;
  private about = new Map<string, TailEvent[]>();

  /** Those of the span, oldest first; of a tool also those that name its call, which Claude Code writes for the span around it. */
  of(span: SpanState, tail: readonly TailEvent[]): readonly TailEvent[] {
    this.read(tail);
    const own = this.about.get(span.span_id) ?? NONE;
    const call = span.kind === "tool" ? span.attributes?.["gen_ai.tool.call.id"] : undefined;
    const named = typeof call === "string" ? (this.about.get(`call ${call}`) ?? NONE) : NONE;
    return named.length === 0 ? own : [...own, ...named.filter((event) => !own.includes(event))];
  }

  private read(tail: readonly TailEvent[]): void {
    // Older events have come in front, or gone there: all are looked at again.
    const goesOn = tail[0] === this.first && this.last !== undefined;
    if (!goesOn) this.about = new Map();
    const after = goesOn ? (this.last?.seq ?? -1) : -1;
    let from = tail.length;
    while (from > 0 && (tail[from - 1] as TailEvent).seq > after) from--;
    for (const event of tail.slice(from)) {
      if (event.event !== "log" || event.attributes === undefined) continue;
      if (event.span_id) this.add(event.span_id, event);
      const { tool_use_id: call } = event.attributes;
      if (typeof call === "string") this.add(`call ${call}`, event);
    }
    this.first = tail[0];
    this.last = tail.at(-1);
  }

  private add(key: string, event: TailEvent): void {
    const events = this.about.get(key);
    if (events) events.push(event);
    else this.about.set(key, [event]);
  }
}
