/** What an answer about a run's tail says, for the tests of connections and sessions. */
import type { Frame } from "../src/service/wire";

/** Of a run that goes on and has said nothing yet, but for what is given. */
export function frame(change: Partial<Frame> = {}): Frame {
  return {
    run_id: "r",
    status: "running",
    logs: [],
    next_index: 0,
    first_index: 0,
    reset: false,
    epoch: "1",
    expected_log_count: null,
    ...change,
  };
}
