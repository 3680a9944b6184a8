/**
 * A run followed by the best transport that works here: each goes on at the cursor where the one before was cut.
 *
 * A transport that never delivered is given up after one failure, one that had worked after three; then the next one
 * is taken. From time to time the best one is tried again beside it, and takes over with its first frame.
 */
import type { Frame } from "../service/wire";
import { backoffMs } from "./backoff";
import {
  type Connection,
  type ConnectionListener,
  type Cursor,
  type Epoch,
  type Failure,
  isSettled,
  type Transport,
  type TransportKind,
} from "./connection";

const FAILURES_OF_A_GOOD_ONE = 3;
const BETTER_AFTER_MS = 30_000;
/** When the live store was emptied, its writers may send a run that was just here again. */
const GONE_GRACE_MS = 20_000;

export interface FollowOptions {
  readonly now?: () => number;
  readonly random?: () => number;
}

export class RunConnection implements Connection {
  private readonly kinds: readonly TransportKind[];
  private readonly runId: string;
  private readonly listener: ConnectionListener;
  private readonly now: () => number;
  private readonly random: () => number;
  private cursor: Cursor = { since: 0, epoch: null };
  private level = 0;
  private current: Transport | null = null;
  private candidate: Transport | null = null;
  private readonly proven = new Set<TransportKind>();
  private failures = 0;
  private attempts = 0;
  private heardAt: number | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private upgrade: ReturnType<typeof setTimeout> | null = null;

  constructor(
    kinds: readonly TransportKind[],
    runId: string,
    listener: ConnectionListener,
    options: FollowOptions = {},
  ) {
    this.kinds = kinds;
    this.runId = runId;
    this.listener = listener;
    this.now = options.now ?? (() => performance.now());
    this.random = options.random ?? Math.random;
  }

  start(since: number, epoch: Epoch): void {
    this.stop();
    this.cursor = { since, epoch };
    this.failures = this.attempts = 0;
    this.open();
  }

  stop(): void {
    if (this.retry !== null) clearTimeout(this.retry);
    this.retry = null;
    this.dropCandidate();
    this.current?.stop();
    this.current = null;
  }

  nudge(): void {
    if (this.retry !== null) {
      clearTimeout(this.retry);
      this.retry = null;
      this.open();
    } else this.current?.nudge();
  }

  private open(): void {
    const kind = this.kinds[this.level];
    if (!kind) throw new Error("no transport");
    const transport: Transport = kind.open(this.runId, {
      frame: (frame, latencyMs) => {
        if (this.current === transport) this.take(frame, latencyMs, kind);
      },
      failed: (failure) => {
        if (this.current === transport) this.failed(failure, kind);
      },
    });
    this.current = transport;
    transport.start(this.cursor);
  }

  private take(frame: Frame, latencyMs: number | null, kind: TransportKind): void {
    this.heardAt = this.now();
    this.failures = this.attempts = 0;
    this.proven.add(kind);
    if (frame.epoch !== this.cursor.epoch || frame.reset) {
      const reason = frame.epoch !== this.cursor.epoch ? "epoch" : "reset";
      this.stop();
      this.listener.stale(reason);
      return;
    }
    this.cursor = { since: frame.next_index, epoch: frame.epoch };
    this.listener.state({ phase: "live", latencyMs, transport: kind.name });
    this.listener.frame(frame);
    if (isSettled(frame)) {
      this.stop();
      this.listener.state({ phase: "settled" });
    } else if (this.level > 0) this.planUpgrade();
  }

  private failed(failure: Failure, kind: TransportKind): void {
    this.current = null;
    this.dropCandidate();
    const recently = this.heardAt !== null && this.now() - this.heardAt < GONE_GRACE_MS;
    if (failure.gone && !recently) {
      this.listener.state({ phase: "gone", expired: failure.gone === "expired" });
      return;
    }
    this.failures++;
    const failuresAllowed = this.proven.has(kind) && !failure.useless ? FAILURES_OF_A_GOOD_ONE : 1;
    if (this.failures >= failuresAllowed && !failure.gone) {
      if (this.level + 1 < this.kinds.length) {
        this.level++;
        this.failures = 0;
        this.open();
        return;
      }
      // All have failed, so it is the service: the best one that ever worked comes first again.
      this.level = Math.max(
        0,
        this.kinds.findIndex((each) => this.proven.has(each)),
      );
      this.failures = 0;
    }
    this.attempts++;
    const retryInMs = backoffMs(this.attempts, this.random);
    this.retry = setTimeout(() => {
      this.retry = null;
      this.open();
    }, retryInMs);
    const { attempts: attempt } = this;
    this.listener.state({ phase: "reconnecting", attempt, retryInMs, reason: failure.reason });
  }

  /** Tries the best transport beside the present one, which goes on until that has delivered. */
  private planUpgrade(): void {
    if (this.upgrade !== null || this.candidate !== null) return;
    this.upgrade = setTimeout(() => {
      this.upgrade = null;
      const best = this.kinds[0];
      if (!best || this.current === null) return;
      const transport = best.open(this.runId, {
        frame: (frame, latencyMs) => {
          if (this.candidate === transport) {
            this.candidate = null;
            this.current?.stop();
            this.current = transport;
            this.level = 0;
          } else if (this.current !== transport) return;
          this.take(frame, latencyMs, best);
        },
        failed: (failure) => {
          if (this.candidate === transport) this.candidate = null;
          else if (this.current === transport) this.failed(failure, best);
        },
      });
      this.candidate = transport;
      transport.start(this.cursor);
    }, BETTER_AFTER_MS);
  }

  private dropCandidate(): void {
    if (this.upgrade !== null) clearTimeout(this.upgrade);
    this.upgrade = null;
    this.candidate?.stop();
    this.candidate = null;
  }
}
