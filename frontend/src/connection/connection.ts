/** What a run page wants from a transport. The poll is the first; each delivers the same frames. */
import type { Frame } from "../wire";

export type ConnectionState =
  | { readonly phase: "connecting" }
  | { readonly phase: "live"; readonly latencyMs: number }
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
  start(since: number, epoch: string | number | null): void;
  stop(): void;
  /** Something woke up (the tab, the network): ask now instead of waiting on. */
  nudge(): void;
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
