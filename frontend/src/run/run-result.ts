/** What came of the run on the page: asked for once, when the run has completed. */
import { reasonOf } from "../connection/refresh";
import { type Api, ProblemError } from "../service/api";
import type { Attributes, RunSummary } from "../service/wire";

/** The run's last span may be here before its state says that it is over. */
const AGAIN_MS = 1_000;

export type ResultState =
  | { phase: "none" }
  | { phase: "failed"; reason: string }
  /** null: it was too large to be kept. */
  | { phase: "here"; result: Attributes | null };

const NONE: ResultState = { phase: "none" };

export class RunResults {
  state: ResultState = NONE;
  private readonly api: Pick<Api, "result">;
  private readonly changed: () => void;
  private runId: string | null = null;
  private abort = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(api: Pick<Api, "result">, changed: () => void) {
    this.api = api;
    this.changed = changed;
  }

  /** `started`: the service knows the operation, so it may have started the run. Applications keep their results. */
  follow(run: RunSummary | null, started: boolean): void {
    const wanted = run?.status === "completed" && started && !run.imported ? run.run_id : null;
    if (wanted === this.runId) return;
    this.stop();
    this.runId = wanted;
    if (wanted !== null) void this.ask();
  }

  again(): void {
    if (this.runId !== null && this.state.phase === "failed") void this.ask();
  }

  stop(): void {
    clearTimeout(this.timer);
    this.abort.abort();
    this.abort = new AbortController();
    this.runId = null;
    this.state = NONE;
  }

  private async ask(): Promise<void> {
    const { runId, abort } = this;
    if (runId === null) return;
    try {
      const { operation, status, result } = await this.api.result(runId, abort.signal);
      if (abort.signal.aborted) return;
      const isOurs = operation !== null;
      if (isOurs && (status === "running" || status === "queued")) {
        this.timer = setTimeout(() => void this.ask(), AGAIN_MS);
        return;
      }
      this.state = isOurs && status === "completed" ? { phase: "here", result } : NONE;
    } catch (error) {
      if (abort.signal.aborted) return;
      const isGone = error instanceof ProblemError && (error.status === 404 || error.status === 410);
      this.state = isGone ? NONE : { phase: "failed", reason: reasonOf(error) };
    }
    this.changed();
  }
}
