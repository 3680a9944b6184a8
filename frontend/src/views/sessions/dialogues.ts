/** Asks the service what was said in the runs of a session: a few at a time, again when a run has got further. */
import { type Api, ProblemError } from "../../service/api";
import type { RunSummary } from "../../service/wire";
import { callsOf, type Dialogue, dialogueOf } from "./session-words";

const AT_ONCE = 3;
/** The tree of a larger run is not taken for two sentences. */
const MOST_SPANS = 5_000;
const NOTHING: Dialogue = { asked: "", answered: "" };

interface Held {
  /** How far the run had got. */
  readonly version: string;
  readonly dialogue: Dialogue;
}

export class Dialogues {
  private readonly api: Api;
  private readonly changed: () => void;
  private readonly held = new Map<string, Held>();
  private abort = new AbortController();
  private busy = false;

  constructor(api: Api, changed: () => void) {
    this.api = api;
    this.changed = changed;
  }

  of(runId: string): Dialogue | undefined {
    return this.held.get(runId)?.dialogue;
  }

  /** Takes those that are not known as the runs are now; while it is at it, it is not asked for more. */
  async take(runs: readonly RunSummary[]): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    const { signal } = this.abort;
    const wanted = runs.filter((run) => this.held.get(run.run_id)?.version !== version(run));
    const next = async (): Promise<void> => {
      for (let run = wanted.shift(); run && !signal.aborted; run = wanted.shift()) {
        const dialogue = await this.ask(run, signal);
        if (signal.aborted) return;
        if (dialogue) this.held.set(run.run_id, { version: version(run), dialogue });
        this.changed();
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, next));
    if (!signal.aborted) this.busy = false;
  }

  clear(): void {
    this.abort.abort();
    this.abort = new AbortController();
    this.busy = false;
    this.held.clear();
  }

  /** Undefined where the service cannot be asked now. */
  private async ask(run: RunSummary, signal: AbortSignal): Promise<Dialogue | undefined> {
    if ((run.spans ?? 0) > MOST_SPANS) return NOTHING;
    try {
      const { spans } = await this.api.snapshot(run.run_id, signal);
      const { first, last } = callsOf(spans);
      const whole = async (spanId: string | undefined) =>
        spanId === undefined ? undefined : (await this.api.span(run.run_id, spanId, signal)).span;
      return dialogueOf(await whole(first?.span_id), await whole(last?.span_id));
    } catch (error) {
      return error instanceof ProblemError ? NOTHING : undefined;
    }
  }
}

function version(run: RunSummary): string {
  return `${run.status} ${run.spans ?? 0} ${run.cost_nano ?? 0}`;
}
