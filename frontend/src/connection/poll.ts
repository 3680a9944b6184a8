/** The poll: one request at a time, the next one 200 ms after the last answer, at once after a full page. */
import { ProblemError } from "../service/api";
import type { Frame } from "../service/wire";
import {
  type Cursor,
  type Epoch,
  type Failure,
  isSettled,
  type Transport,
  type TransportKind,
  type TransportListener,
} from "./connection";

export const PAGE_SIZE = 1_000;
const INTERVAL_MS = 200;
/** In a hidden tab nobody looks, but the tail must not run away. */
const HIDDEN_INTERVAL_MS = 1_000;

export interface PollSource {
  logs(runId: string, since: number, epoch: Epoch, limit: number, signal?: AbortSignal): Promise<Frame>;
}

export interface PollOptions {
  readonly hidden?: () => boolean;
  readonly now?: () => number;
}

export class PollTransport implements Transport {
  private readonly source: PollSource;
  private readonly runId: string;
  private readonly listener: TransportListener;
  private readonly hidden: () => boolean;
  private readonly now: () => number;
  private abort: AbortController | null = null;
  private wake: (() => void) | null = null;

  constructor(source: PollSource, runId: string, listener: TransportListener, options: PollOptions = {}) {
    this.source = source;
    this.runId = runId;
    this.listener = listener;
    this.hidden = options.hidden ?? (() => document.hidden);
    this.now = options.now ?? (() => performance.now());
  }

  start(cursor: Cursor): void {
    this.stop();
    const abort = new AbortController();
    this.abort = abort;
    void this.follow(cursor, abort.signal);
  }

  stop(): void {
    this.abort?.abort();
    this.abort = null;
    this.nudge();
  }

  nudge(): void {
    this.wake?.();
  }

  private async follow(cursor: Cursor, signal: AbortSignal): Promise<void> {
    let { since, epoch } = cursor;
    while (!signal.aborted) {
      const asked = this.now();
      let frame: Frame;
      try {
        frame = await this.source.logs(this.runId, since, epoch, PAGE_SIZE, signal);
      } catch (error) {
        if (!signal.aborted) this.listener.failed(failureOf(error));
        return;
      }
      if (signal.aborted) return;
      since = frame.next_index;
      epoch = frame.epoch;
      this.listener.frame(frame, this.now() - asked);
      if (isSettled(frame)) return;
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

function failureOf(error: unknown): Failure {
  if (error instanceof ProblemError) {
    if (error.status === 404) return { reason: error.message, gone: "unknown" };
    if (error.status === 410) return { reason: error.message, gone: "expired" };
    return { reason: error.message };
  }
  if (error instanceof DOMException && error.name === "TimeoutError")
    return { reason: "The service did not answer in time" };
  return { reason: "The service cannot be reached" };
}

export function poll(source: PollSource): TransportKind {
  return { name: "poll", open: (runId, listener) => new PollTransport(source, runId, listener) };
}
