/** What the service says of a run that is here in parts: asked for when it is wanted, and again as the run changes. No DOM. */
import type { RunStore } from "../../store";

/** Of a run that goes on the same is asked for again, so often at most, where nothing else is said. */
const AGAIN_MS = 5_000;
/** While the service reads the run, and after it could not be reached. */
const SOON_MS = 1_000;
/** While somebody changes what is wanted. */
const BETWEEN_MS = 150;

export interface Said<Query, Answer> {
  /** To what: `get` was called with it. */
  readonly key: string;
  readonly query: Query;
  readonly version: number;
  readonly answer: Answer;
}

export class OfTheWhole<Query, Answer extends { complete: boolean; indexed: number }> {
  /** Spans that the service has read so far; null where it has read all, or was not asked. */
  reading: number | null = null;
  private readonly ask: (runId: string, query: Query) => Promise<Answer>;
  private readonly changed: () => void;
  private readonly nowMs: () => number;
  private readonly againMs: number;
  private runId = "";
  private store: RunStore | null = null;
  /** What was said last. */
  said: Said<Query, Answer> | null = null;
  private asking = false;
  private othersMs = 0;
  private sameMs = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `changed` is called when something was said, and when it is time to ask again. */
  constructor(
    ask: (runId: string, query: Query) => Promise<Answer>,
    changed: () => void,
    nowMs = () => performance.now(),
    againMs = AGAIN_MS,
  ) {
    this.ask = ask;
    this.changed = changed;
    this.nowMs = nowMs;
    this.againMs = againMs;
  }

  open(runId: string, store: RunStore): void {
    this.rest();
    this.runId = runId;
    this.store = store;
    this.said = null;
    this.reading = null;
    this.othersMs = 0;
    this.sameMs = 0;
  }

  /** Nobody looks any more. */
  rest(): void {
    clearTimeout(this.timer);
  }

  /** What was said last, which may be about something else; asks where that is not what is wanted now. */
  get(key: string, query: Query): Said<Query, Answer> | null {
    const { store, said } = this;
    const isOther = said?.key !== key;
    if (store && !this.asking && (isOther || said.version !== store.version)) {
      const rest = (isOther ? this.othersMs : this.sameMs) - this.nowMs();
      clearTimeout(this.timer);
      if (rest <= 0) void this.look(store, key, query);
      else this.timer = setTimeout(this.changed, rest);
    }
    return said;
  }

  private async look(store: RunStore, key: string, query: Query): Promise<void> {
    this.asking = true;
    const { version } = store;
    let [others, same] = [SOON_MS, SOON_MS];
    try {
      const answer = await this.ask(this.runId, query);
      if (this.store !== store) return;
      this.reading = answer.complete ? null : answer.indexed;
      if (answer.complete) {
        [others, same] = [BETWEEN_MS, this.againMs];
        this.said = { key, query, version, answer };
      }
    } catch {
      // That the service is away is said elsewhere; it is asked again.
    } finally {
      this.asking = false;
      this.othersMs = this.nowMs() + others;
      this.sameMs = this.nowMs() + same;
    }
    this.changed();
  }
}
