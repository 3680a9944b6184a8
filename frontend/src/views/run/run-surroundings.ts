/** What affects a run from outside: its budget's limit, and the backends that are skipped now. */
import { Refresh } from "../../connection/refresh";
import type { Api } from "../../service/api";
import type { Breaker, Budget } from "../../service/wire-work";
import { markOf } from "../backend-mark";
import { breakerText } from "../budgets/budget-words";
import { circuitsAre } from "./head/circuits";

const ASK_MS = 5_000;

export interface BackendNote {
  key: string;
  backend: string;
  mark: string;
  text: string;
}

export class RunSurroundings {
  private readonly api: Api;
  private readonly refresh: Refresh<{ budgets: readonly Budget[]; breakers: readonly Breaker[] }>;
  private runId = "";
  private budget: Budget | undefined;
  private sessions: readonly Budget[] = [];
  private sessionId = "";
  private rootAsked = "";
  private breakers: readonly Breaker[] = [];

  constructor(api: Api, changed: () => void) {
    this.api = api;
    const ask = async (signal: AbortSignal) => {
      const [{ budgets }, { breakers }] = await Promise.all([api.budgets(signal), api.breakers(signal)]);
      return { budgets, breakers };
    };
    this.refresh = new Refresh(ask, ASK_MS, {
      taken: ({ budgets, breakers }) => {
        this.budget = budgets.find(({ scope }) => scope === `run:${this.runId}`);
        this.sessions = budgets.filter(
          ({ scope, limit_nano: limit }) => scope.startsWith("session:") && limit !== null,
        );
        this.breakers = breakers;
        circuitsAre(breakers);
        changed();
      },
      failed: () => {}, // the corner of the page says how it is connected
    });
  }

  follow(runId: string): void {
    this.runId = runId;
    this.budget = undefined;
    this.sessionId = "";
    this.rootAsked = "";
    this.refresh.start();
  }

  stop(): void {
    this.refresh.stop();
    this.budget = undefined;
    this.sessionId = "";
    this.breakers = [];
  }

  /** What the run may spend; null where nothing limits it, or nothing is known yet. */
  get limitNano(): number | null {
    return this.budget?.limit_nano ?? null;
  }

  /** The limits that hold for this run alone and for its session; `rootId` is the span that names the session. */
  limits(rootId: string | null): Budget[] {
    if (this.sessions.length > 0 && rootId && this.rootAsked !== rootId) void this.askSession(rootId);
    const session = this.sessions.filter(({ scope }) => scope === `session:${this.sessionId}`);
    const run = this.budget && this.budget.limit_nano !== null ? [this.budget] : [];
    return [...run, ...session];
  }

  /** The page keeps no attributes of spans that have ended. */
  private async askSession(rootId: string): Promise<void> {
    this.rootAsked = rootId;
    const { runId } = this;
    try {
      const { span } = await this.api.span(runId, rootId);
      const named = span.attributes?.["spantail.session.id"];
      if (this.runId === runId && typeof named === "string") this.sessionId = named;
    } catch {
      // Without it the session's budget is not shown; the page about budgets has it.
    }
  }

  /** "skipped until 12:04: not installed", for backends that are not in use now. */
  notes(nowUs: number): BackendNote[] {
    return this.breakers
      .filter((breaker) => breaker.state !== "closed")
      .map((breaker) => ({
        key: `${breaker.backend} ${breaker.model}`,
        backend: breaker.backend,
        mark: markOf(breaker),
        text: [breaker.model, breakerText(breaker, nowUs)].filter(Boolean).join(": "),
      }));
  }
}
