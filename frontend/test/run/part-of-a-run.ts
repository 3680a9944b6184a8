/** A run that is too large to be on the page whole, for tests. */
import type { TraceWindow } from "../../src/service/wire";
import { RunStore } from "../../src/store";

export const RUN = "4bf92f3577b34da6a3ce929d0e0e4736";

/** A run of 100 spans of which root, a and b are here. */
export function store(): RunStore {
  const made = new RunStore();
  const state = { status: "ok", kind: "phase" } as const;
  const folded = {
    spans: 97,
    errors: 2,
    running: 0,
    llm: 0,
    priced: 0,
    unpriced: 0,
    cost_nano: 0,
    after: "b",
  };
  made.loadWindow({
    run: { run_id: RUN, status: "running", spans: 100 },
    spans: [
      { ...state, span_id: "root", parent_id: null, start: 0, end: 100 },
      { ...state, span_id: "a", parent_id: "root", start: 1, end: 40 },
      { ...state, span_id: "b", parent_id: "root", start: 50, end: 60 },
    ],
    folded: { root: folded },
    next_index: 0,
    epoch: "1",
    indexed: 100,
    complete: true,
  } as TraceWindow);
  return made;
}
