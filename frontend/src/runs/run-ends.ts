/**
 * The runs whose end somebody waits for. The service is asked how they are, whatever the page shows meanwhile: another
 * run, another section, or nothing because nobody looks at it.
 */
import { isFinal } from "../connection/connection";
import { Refresh } from "../connection/refresh";
import { type Api, ProblemError } from "../service/api";
import type { RunSummary } from "../service/wire";

const STORED = "spantail.awaited-runs";
const ASK_MS = 2_000;
/** A tab that is looked at says it first; those behind it are then silent. */
const BEHIND_MS = 500;

export interface Surroundings {
  /** Outlives a reload of the page, but not its tab. */
  readonly storage: Pick<Storage, "getItem" | "setItem">;
  /** The other tabs. */
  readonly tabs: Pick<BroadcastChannel, "postMessage" | "onmessage">;
  readonly hidden: () => boolean;
}

export class RunEnds {
  private readonly api: Pick<Api, "run">;
  private readonly tell: (run: RunSummary) => void;
  private readonly around: Surroundings;
  private readonly awaited: Set<string>;
  private readonly asking: Refresh<void>;

  /** `tell` is called once for each of them, in one tab of those that wait. */
  constructor(api: Pick<Api, "run">, tell: (run: RunSummary) => void, around = surroundings()) {
    this.api = api;
    this.tell = tell;
    this.around = around;
    this.awaited = new Set(stored(around.storage));
    this.asking = new Refresh((signal) => this.ask(signal), ASK_MS, { taken: () => {}, failed: () => {} });
    around.tabs.onmessage = ({ data }) => this.forget(String(data));
    if (this.awaited.size > 0) this.asking.start();
  }

  has(runId: string): boolean {
    return this.awaited.has(runId);
  }

  /** Waits for the run's end, or no longer; whether it does. */
  toggle(runId: string): boolean {
    if (this.awaited.has(runId)) {
      this.forget(runId);
      return false;
    }
    this.awaited.add(runId);
    this.keep();
    this.asking.start();
    return true;
  }

  /** Something was heard of the run: it may have ended. */
  heard(runId: string): void {
    if (this.awaited.has(runId)) this.asking.now();
  }

  /** The page is looked at again, or the machine has slept. */
  wake(): void {
    this.asking.now();
  }

  private async ask(signal: AbortSignal): Promise<void> {
    for (const runId of [...this.awaited]) {
      try {
        const run = await this.api.run(runId, signal);
        if (isFinal(run.status) && this.awaited.has(runId)) this.ended(run);
      } catch (error) {
        if (!(error instanceof ProblemError) || (error.status !== 404 && error.status !== 410)) throw error;
        this.forget(runId);
      }
    }
  }

  private ended(run: RunSummary): void {
    const say = () => {
      if (!this.awaited.has(run.run_id)) return;
      this.forget(run.run_id);
      this.around.tabs.postMessage(run.run_id);
      this.tell(run);
    };
    if (this.around.hidden()) setTimeout(say, BEHIND_MS);
    else say();
  }

  private forget(runId: string): void {
    if (!this.awaited.delete(runId)) return;
    this.keep();
    if (this.awaited.size === 0) this.asking.stop();
  }

  private keep(): void {
    try {
      this.around.storage.setItem(STORED, JSON.stringify([...this.awaited]));
    } catch {
      // Storage may be forbidden: the page then waits until it is loaded again.
    }
  }
}

function surroundings(): Surroundings {
  return {
    storage: {
      getItem: (key) => sessionStorage.getItem(key),
      setItem: (key, value) => sessionStorage.setItem(key, value),
    },
    tabs: new BroadcastChannel("spantail.run-ends"),
    hidden: () => document.hidden,
  };
}

function stored(storage: Surroundings["storage"]): string[] {
  try {
    const held: unknown = JSON.parse(storage.getItem(STORED) ?? "[]");
    return Array.isArray(held) ? held.filter((id) => /^[0-9a-f]{32}$/.test(id)) : [];
  } catch {
    return [];
  }
}
