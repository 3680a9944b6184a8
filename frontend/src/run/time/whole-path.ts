/** The critical path of a run that is here in parts: the service computes it of the whole. No DOM. */
import type { Api } from "../../service/api";
import type { RunStore } from "../../store";
import { count, plural } from "../../text/format";
import type { CriticalPath } from "./critical-path";

/** Of a run that goes on it is asked for again, so often at most. */
const AGAIN_MS = 5_000;
/** While the service reads the run, and after it could not be reached. */
const SOON_MS = 1_000;

export class WholePath {
  private readonly api: Pick<Api, "criticalPath">;
  private readonly changed: () => void;
  private readonly nowMs: () => number;
  private runId = "";
  private store: RunStore | null = null;
  private path: CriticalPath = new Map();
  private version = -1;
  private restUntilMs = 0;
  private asking = false;
  /** What the path is of, in words; empty before it is here. */
  text = "";

  constructor(api: Pick<Api, "criticalPath">, changed: () => void, nowMs = () => performance.now()) {
    this.api = api;
    this.changed = changed;
    this.nowMs = nowMs;
  }

  open(runId: string, store: RunStore): void {
    this.runId = runId;
    this.store = store;
    this.path = new Map();
    this.version = -1;
    this.restUntilMs = 0;
    this.text = "";
  }

  /** As far as it is known; asks where that may not be all. */
  get(): CriticalPath {
    const { store } = this;
    if (store && !this.asking && store.version !== this.version && this.nowMs() >= this.restUntilMs)
      void this.ask(store);
    return this.path;
  }

  private async ask(store: RunStore): Promise<void> {
    this.asking = true;
    const { version } = store;
    let rest = SOON_MS;
    try {
      const answer = await this.api.criticalPath(this.runId);
      if (this.store !== store) return;
      if (answer.complete) {
        rest = AGAIN_MS;
        this.version = version;
        this.path = new Map(
          Object.entries(answer.parts).map(([id, parts]) => [id, parts.map(([from, to]) => ({ from, to }))]),
        );
        const shown = this.path.size;
        const which =
          shown < answer.spans ? `; marked are the ${count(shown)} with the longest time on it` : "";
        this.text = `Critical path of the whole run: ${plural(answer.spans, "span")}${which}`;
      } else this.text = `The service is still reading the run: ${plural(answer.indexed, "span")} so far`;
    } catch {
      // That the service is away is said elsewhere; it is asked again.
      this.text ||= "The critical path of the whole run is not here yet";
    } finally {
      this.asking = false;
      this.restUntilMs = this.nowMs() + rest;
    }
    this.changed();
    // A run that has ended does not change any more: nobody else would ask again.
    if (rest === SOON_MS) setTimeout(() => this.store === store && this.changed(), SOON_MS);
  }
}
