/** The log records that may tell what was said in a span. Pure. */
import type { SpanState, TailEvent } from "../../service/wire";

const NONE: readonly TailEvent[] = [];

/** The log records of a tail by what they are about. The tail grows: each event is looked at once. */
export class LogRecords {
  private first: TailEvent | undefined;
  private last: TailEvent | undefined;
  private about = new Map<string, TailEvent[]>();

  /**
   * Those of the span; of a tool also those that name its call, which Claude Code writes for the span around it, and those
   * of the spans right below it (`children`), where its subagents answer.
   */
  of(
    span: SpanState,
    tail: readonly TailEvent[],
    children: () => readonly string[] = () => [],
  ): readonly TailEvent[] {
    this.read(tail);
    const own = this.about.get(span.span_id) ?? NONE;
    if (span.kind !== "tool") return own;
    const call = span.attributes?.["gen_ai.tool.call.id"];
    const named = typeof call === "string" ? (this.about.get(`call ${call}`) ?? NONE) : NONE;
    const answers = children().flatMap((id) => this.about.get(id) ?? []);
    return named.length + answers.length === 0 ? own : [...new Set([...own, ...named, ...answers])];
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
