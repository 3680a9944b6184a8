/** The time that a run takes which is here in parts, and its waits: the service knows them of the whole. No DOM. */
import type { Api, TimesQuery } from "../../service/api";
import type { RunTimes } from "../../service/wire";
import type { RunStore } from "../../store";
import type { Extent } from "./extent";
import { OfTheWhole } from "./of-the-whole";
import type { TimeWindow } from "./time-scale";

/** What is known of a run as a whole. */
export interface KnownTimes {
  readonly extent: Extent;
  readonly gaps: readonly TimeWindow[];
}

export class WholeTimes {
  private readonly asked: OfTheWhole<TimesQuery, RunTimes>;
  private held: { answer: RunTimes; known: KnownTimes | null } | null = null;

  constructor(api: Pick<Api, "times">, changed: () => void, nowMs?: () => number) {
    this.asked = new OfTheWhole((run, query) => api.times(run, query), changed, nowMs);
  }

  open(runId: string, store: RunStore): void {
    this.asked.open(runId, store);
    this.held = null;
  }

  rest(): void {
    this.asked.rest();
  }

  /** null before it is here; the same object while nothing else was said. */
  get(adjust: boolean, all: boolean): KnownTimes | null {
    const key = `${adjust} ${all}`;
    const said = this.asked.get(key, { adjust, all });
    if (!said || said.key !== key) return null;
    const { answer } = said;
    if (this.held?.answer !== answer) this.held = { answer, known: knownOf(answer) };
    return this.held.known;
  }
}

function knownOf({ start, end, outside, skewed, gaps }: RunTimes): KnownTimes | null {
  if (start === null || end === null) return null;
  return {
    extent: { start, end, outside, skewed },
    gaps: gaps.map(([from, to]) => ({ from, to })),
  };
}
