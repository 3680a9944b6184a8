/** The critical path of a run that is here in parts: the service computes it of the whole. No DOM. */
import type { Api } from "../../service/api";
import type { RunCriticalPath } from "../../service/wire";
import type { RunStore } from "../../store";
import { count, plural } from "../../text/format";
import type { CriticalPath } from "./critical-path";
import { OfTheWhole } from "./of-the-whole";

const NONE: CriticalPath = new Map();

export class WholePath {
  private readonly asked: OfTheWhole<boolean, RunCriticalPath>;
  private held: { answer: RunCriticalPath; path: CriticalPath } | null = null;

  constructor(api: Pick<Api, "criticalPath">, changed: () => void, nowMs?: () => number) {
    this.asked = new OfTheWhole((run, adjusts) => api.criticalPath(run, adjusts), changed, nowMs);
  }

  open(runId: string, store: RunStore): void {
    this.asked.open(runId, store);
    this.held = null;
  }

  rest(): void {
    this.asked.rest();
  }

  /** As far as it is known; asks where that may not be all. `adjusts`: with the clocks adjusted. */
  get(adjusts = false): CriticalPath {
    const said = this.asked.get(String(adjusts), adjusts);
    if (!said || said.key !== String(adjusts)) return NONE;
    const { answer } = said;
    if (this.held?.answer !== answer) this.held = { answer, path: pathOf(answer) };
    return this.held.path;
  }

  /** What the path is of, in words. */
  get text(): string {
    const { reading } = this.asked;
    if (reading !== null) return `The service is still reading the run: ${plural(reading, "span")} so far`;
    if (!this.held) return "The critical path of the whole run is not here yet";
    const { answer, path } = this.held;
    const which =
      path.size < answer.spans ? `; marked are the ${count(path.size)} with the longest time on it` : "";
    return `Critical path of the whole run: ${plural(answer.spans, "span")}${which}`;
  }
}

function pathOf({ parts }: RunCriticalPath): CriticalPath {
  return new Map(Object.entries(parts).map(([id, each]) => [id, each.map(([from, to]) => ({ from, to }))]));
}
