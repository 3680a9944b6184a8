/** What a run page wants: the frames of a run in order, whatever carries them. */
import type { Frame } from "../service/wire";

export type TransportName = "websocket" | "sse" | "poll";

export type ConnectionState =
  | { readonly phase: "connecting" }
  /** `latencyMs` is null where the transport cannot tell. */
  | { readonly phase: "live"; readonly latencyMs: number | null; readonly transport: TransportName }
  | {
      readonly phase: "reconnecting";
      readonly attempt: number;
      readonly retryInMs: number;
      readonly reason: string;
    }
  | { readonly phase: "settled" }
  | { readonly phase: "gone"; readonly expired: boolean };

export interface ConnectionListener {
  /** New events, in order and without holes. */
  frame(frame: Frame): void;
  state(state: ConnectionState): void;
  /** The tail cannot be followed from here: take the snapshot again. The connection has stopped itself. */
  stale(reason: "reset" | "epoch"): void;
}

export interface Connection {
  /** Follows a run from `since`, the `next_index` of a snapshot, whose `epoch` must stay the same. */
  start(since: number, epoch: Epoch): void;
  stop(): void;
  /** Something woke up (the tab, the network): ask now instead of waiting on. */
  nudge(): void;
}

export type Epoch = string | number | null;

/** Where a reader stands; the same for every transport, so that one can go on where another was cut. */
export interface Cursor {
  readonly since: number;
  readonly epoch: Epoch;
}

/** Why a transport gave up. It has stopped itself by then. */
export interface Failure {
  readonly reason: string;
  /** The service does not have the run. */
  readonly gone?: "unknown" | "expired";
  /** This transport will not work here; another may. */
  readonly useless?: boolean;
}

export interface TransportListener<F = Frame> {
  frame(frame: F, latencyMs: number | null): void;
  failed(failure: Failure): void;
}

/** One way of getting frames. It delivers until it is stopped or fails, and decides nothing. */
export interface Transport {
  start(cursor: Cursor): void;
  stop(): void;
  nudge(): void;
}

export interface TransportKind {
  readonly name: TransportName;
  open(runId: string, listener: TransportListener): Transport;
}

const FINAL = new Set(["completed", "failed", "cancelled", "abandoned"]);

export function isFinal(status: string): boolean {
  return FINAL.has(status);
}

/** Everything there is has been read: nothing more will come unless the run is corrected. */
export function isSettled(frame: Pick<Frame, "status" | "expected_log_count" | "next_index">): boolean {
  return (
    isFinal(frame.status) && frame.expected_log_count !== null && frame.next_index >= frame.expected_log_count
  );
}

/** The cursor as the service's routes take it. */
export function query(cursor: Cursor): string {
  const epoch = cursor.epoch === null ? "" : `&epoch=${encodeURIComponent(String(cursor.epoch))}`;
  return `since=${cursor.since}${epoch}`;
}
