/** How far the clocks of a run are thought to be ahead: spans that come live are of a clock too. Pure. */
import type { ClockSkew, SpanState } from "../../service/wire";

type Sender = Pick<SpanState, "runner" | "service">;

/** Whose clock the times of a span are of: its host's, else its service's. The service has the same rule. */
function clockOf({ runner, service }: Sender): string | undefined {
  if (!runner) return service;
  const end = runner.indexOf(":");
  return end < 0 ? runner : runner.slice(0, end);
}

export class ClockSkews {
  private readonly skews = new Map<string, number>();
  private readonly known = new Set<string>();

  clear(): void {
    this.skews.clear();
    this.known.clear();
  }

  /** Spans of different clocks were seen: else there is nothing to correct. */
  get areSeveral(): boolean {
    return this.known.size > 1;
  }

  /** Takes what spans of a snapshot say of their clocks. */
  learn(spans: readonly SpanState[]): void {
    for (const span of spans) {
      const clock = clockOf(span);
      if (clock !== undefined && span.clock_skew_us !== undefined) this.skews.set(clock, span.clock_skew_us);
    }
  }

  /** Takes what is estimated now; a clock that is not named is thought right. */
  take(found: readonly ClockSkew[]): void {
    this.skews.clear();
    for (const { host, service, skew_us: skew } of found) {
      const clock = host ?? service;
      if (clock !== null) this.skews.set(clock, skew);
    }
  }

  /** The span as it is with what is known of its clock; the same object where that is nothing new. */
  marked(span: SpanState): SpanState {
    const clock = clockOf(span);
    if (clock === undefined) return span;
    this.known.add(clock);
    const skew = this.skews.get(clock);
    if (skew === span.clock_skew_us) return span;
    const { clock_skew_us: _before, ...rest } = span;
    return skew === undefined ? rest : { ...rest, clock_skew_us: skew };
  }
}
