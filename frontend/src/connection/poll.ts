/** The poll: one request at a time, the next one 200 ms after the last answer, at once after a full page. */
import { ProblemError } from "../api";
import type { Frame } from "../wire";
import { backoffMs } from "./backoff";
import { type Connection, type ConnectionListener, isSettled } from "./connection";

export const PAGE_SIZE = 1_000;
const INTERVAL_MS = 200;
/** In a hidden tab nobody looks, but the tail must not run away. */
const HIDDEN_INTERVAL_MS = 1_000;

export interface PollSource {
  logs(runId: string, since: number, limit: number, signal?: AbortSignal): Promise<Frame>;
}

export interface PollOptions {
  readonly hidden?: () => boolean;
  readonly now?: () => number;
  readonly random?: () => number;
}

export class PollConnection implements Connection {
  private readonly source: PollSource;
  private readonly runId: string;
  private readonly listener: ConnectionListener;
  private readonly hidden: () => boolean;
  private readonly now: () => number;
  private readonly random: () => number;
  private abort: AbortController | null = null;
  private wake: (() => void) | null = null;

  constructor(source: PollSource, runId: string, listener: ConnectionListener, options: PollOptions = {}) {
    this.source = source;
    this.runId = runId;
    this.listener = listener;
    this.hidden = options.hidden ?? (() => document.hidden);
    this.now = options.now ?? (() => performance.now());
    this.random = options.random ?? Math.random;
  }

  start(since: number, epoch: string | number | null): void {
    this.stop();
    const abort = new AbortController();
    this.abort = abort;
    void this.follow(since, epoch, abort.signal);
  }

  stop(): void {
    this.abort?.abort();
    this.abort = null;
    this.nudge();
  }

  nudge(): void {
    this.wake?.();
  }

  private async follow(since: number, epoch: string | number | null, signal: AbortSignal): Promise<void> {
    let next = since;
    let failures = 0;
    while (!signal.aborted) {
      const asked = this.now();
      let frame: Frame;
      try {
        frame = await this.source.logs(this.runId, next, PAGE_SIZE, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ProblemError && (error.status === 404 || error.status === 410)) {
          this.listener.state({ phase: "gone", expired: error.status === 410 });
          return;
        }
        failures++;
        const retryInMs = backoffMs(failures, this.random);
        this.listener.state({ phase: "reconnecting", attempt: failures, retryInMs, reason: reasonOf(error) });
        await this.sleep(retryInMs, signal);
        continue;
      }
      if (signal.aborted) return;
      failures = 0;
      if (frame.epoch !== epoch || frame.reset) {
        this.listener.stale(frame.epoch !== epoch ? "epoch" : "reset");
        return;
      }
      next = frame.next_index;
      this.listener.state({ phase: "live", latencyMs: this.now() - asked });
      this.listener.frame(frame);
      if (isSettled(frame)) {
        this.listener.state({ phase: "settled" });
        return;
      }
      if (frame.logs.length >= PAGE_SIZE) continue;
      await this.sleep(this.hidden() ? HIDDEN_INTERVAL_MS : INTERVAL_MS, signal);
    }
  }

  private sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.wake = done;
    });
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof ProblemError) return error.message;
  if (error instanceof DOMException && error.name === "TimeoutError")
    return "The service did not answer in time";
  return "The service cannot be reached";
}
