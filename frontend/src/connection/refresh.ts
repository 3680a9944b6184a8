/** A question asked again and again while somebody looks at the answer. */
import { ProblemError } from "../service/api";
import { backoffMs } from "./backoff";

/** In a hidden tab nobody looks. */
const HIDDEN_FACTOR = 5;

export interface RefreshListener<T> {
  taken(answer: T): void;
  failed(reason: string): void;
}

export class Refresh<T> {
  private readonly ask: (signal: AbortSignal) => Promise<T>;
  private readonly everyMs: number;
  private readonly listener: RefreshListener<T>;
  private abort: AbortController | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;

  constructor(ask: (signal: AbortSignal) => Promise<T>, everyMs: number, listener: RefreshListener<T>) {
    this.ask = ask;
    this.everyMs = everyMs;
    this.listener = listener;
  }

  get isOn(): boolean {
    return this.abort !== null;
  }

  /** Asks now, and from now on; an answer that is under way is not waited for. */
  start(): void {
    this.stop();
    this.abort = new AbortController();
    void this.go(this.abort.signal);
  }

  stop(): void {
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = null;
    this.failures = 0;
  }

  /** Something has changed, or the tab or network woke up: asks at once, unless it is stopped. */
  now(): void {
    if (this.isOn) this.start();
  }

  private async go(signal: AbortSignal): Promise<void> {
    try {
      const answer = await this.ask(signal);
      if (signal.aborted) return;
      this.failures = 0;
      this.listener.taken(answer);
    } catch (error) {
      if (signal.aborted) return;
      this.failures++;
      this.listener.failed(reasonOf(error));
    }
    if (signal.aborted) return;
    const waitMs = this.failures > 0 ? Math.max(this.everyMs, backoffMs(this.failures)) : this.everyMs;
    this.timer = setTimeout(() => void this.go(signal), document.hidden ? waitMs * HIDDEN_FACTOR : waitMs);
  }
}

/** Why a call failed, as a sentence without its full stop. */
export function reasonOf(error: unknown): string {
  if (error instanceof ProblemError) return error.message.replace(/\.$/, "");
  return "The service cannot be reached";
}
