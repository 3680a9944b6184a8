/** A run that is too large to be here whole: further parts of it, and the ones that are here kept up to date. */
import { type Api, ProblemError, type WindowQuery } from "../../service/api";
import type { Snapshot, TraceWindow } from "../../service/wire";
import type { RunStore } from "../../store";

/** Between two looks at what has changed in the parts that are not here. */
const REFRESH_MS = 2_000;
/** While the service is still reading the run for the first time. */
const INCOMPLETE_MS = 1_000;
/** Spans in one further part. */
const PART = 500;
/** Spans that are asked for one by one in a look. */
const MOST_LEFT = 20;
/** So many are here at most: with more, what was opened is folded again. */
export const PARTS_UP_TO = 50_000;

export class RunParts {
  private readonly api: Api;
  private readonly runId: string;
  private readonly store: RunStore;
  private readonly changed: () => void;
  private readonly abort = new AbortController();
  private readonly asked = new Set<string>();
  private timer: ReturnType<typeof setTimeout> | null = null;
  private isComplete = true;
  /** Something has happened since the last look. */
  private isBehind = false;

  constructor(api: Api, runId: string, store: RunStore, changed: () => void) {
    this.api = api;
    this.runId = runId;
    this.store = store;
    this.changed = changed;
  }

  /** The run was taken anew, whole or in part. */
  opened(snapshot: Snapshot | TraceWindow): void {
    this.rest();
    this.isComplete = !("complete" in snapshot) || snapshot.complete;
    if (!this.isComplete) this.plan(INCOMPLETE_MS);
  }

  /** Something has happened: what is not here, and the counts of the whole, may be others now. */
  wanted(): void {
    this.isBehind = true;
    if (this.timer === null) this.plan(REFRESH_MS);
  }

  close(): void {
    this.rest();
    this.abort.abort();
  }

  async unfold(parentId: string): Promise<void> {
    const folded = this.store.folded.get(parentId);
    if (!folded || this.asked.has(parentId)) return;
    this.asked.add(parentId);
    try {
      const asked: WindowQuery = {
        depth: 2,
        limit: PART,
        ...(parentId === "" ? {} : { root: parentId }),
        ...(folded.after === null ? {} : { after: folded.after }),
      };
      await this.take(asked);
    } catch {
      // The row is still there, and can be asked again; that the service is away is said elsewhere.
    } finally {
      this.asked.delete(parentId);
    }
  }

  async reach(spanId: string): Promise<boolean> {
    if (this.store.spans.has(spanId)) return true;
    if (!this.store.whole) return false;
    try {
      await this.take({ root: spanId, depth: 1, limit: PART, path: true });
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
    }
    return this.store.spans.has(spanId);
  }

  private async take(asked: WindowQuery): Promise<ReadonlySet<string>> {
    const { epoch } = this.store;
    const window = await this.api.window(this.runId, asked, this.abort.signal);
    // Another life of the run: its connection says so, and all is taken anew.
    if (window.epoch !== epoch || this.store.epoch !== epoch || !this.store.whole) return new Set();
    const wasPreview = !this.isComplete && window.complete;
    this.isComplete = window.complete;
    const isTooMuch = this.store.spans.size > PARTS_UP_TO && asked.root === undefined;
    // What is known of a run that was read in part is not what it comes to.
    if (wasPreview || isTooMuch) this.store.foldAgain(window);
    else this.store.addWindow(window);
    this.changed();
    return new Set(window.spans.map((span) => span.span_id));
  }

  private plan(ms: number): void {
    this.rest();
    this.timer = setTimeout(() => void this.refresh(), ms);
  }

  private rest(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private async refresh(): Promise<void> {
    this.isBehind = false;
    try {
      const were = [...this.store.running];
      const answered = await this.take({});
      // What ran and is not in the first window any more may have got children since.
      const left = were.filter((id) => !answered.has(id) && this.store.spans.has(id)).slice(0, MOST_LEFT);
      for (const root of left) await this.take({ root, depth: 0, limit: 1 });
    } catch (error) {
      // A run that has gone is not asked for again.
      this.isBehind = !(error instanceof ProblemError);
    }
    this.timer = null;
    if (this.abort.signal.aborted || !this.store.whole) return;
    if (!this.isComplete) this.plan(INCOMPLETE_MS);
    else if (this.isBehind) this.plan(REFRESH_MS);
  }
}
