/**
 * A page that is open for 24 h keeps no more than at its start. In short here; `SPANTAIL_SOAK_EVENTS=86400000` is a day
 * of 1,000 events a second.
 */
import { expect, it } from "vitest";
import type { Frame, Snapshot, TailEvent } from "../../../src/service/wire";
import { RunStore, SPAN_EVENTS_LIMIT, TAIL_LIMIT } from "../../../src/store";

const EVENTS = Number(process.env.SPANTAIL_SOAK_EVENTS ?? 60_000);
const BATCH = 500;

function noted(seq: number, change: Partial<TailEvent>): TailEvent {
  return { seq, ts: seq, event: "note", run_id: "r", span_id: "root", kind: "operation", ...change };
}

it("keeps a bounded number of events, and of those of one span", () => {
  const store = new RunStore();
  const root = {
    span_id: "root",
    parent_id: null,
    kind: "operation",
    status: "running",
    rev: 1,
    start: 0,
    end: null,
  };
  store.load({
    run: { run_id: "r", status: "running" },
    spans: [root],
    next_index: 0,
    epoch: "1",
  } as unknown as Snapshot);
  for (let seq = 0; seq < EVENTS; seq += BATCH) {
    const logs: TailEvent[] = [];
    for (let at = seq; at < seq + BATCH; at++)
      logs.push(
        noted(
          at,
          at % 2 === 0
            ? { noted: at, attributes: { text: "x" } }
            : { rev: at, event: "operation_update", status: "running", parent_id: null, start: 0 },
        ),
      );
    store.fold({ logs, next_index: seq + BATCH } as unknown as Frame);
  }
  expect(store.nextIndex).toBe(EVENTS);
  expect(store.spans.size).toBe(1);
  expect(store.tree.size).toBe(1);
  expect(store.tail.length).toBeLessThanOrEqual(TAIL_LIMIT * 1.1);
  expect(store.tailTrimmed + store.tail.length).toBe(EVENTS);
  expect(store.spans.get("root")?.span_events?.length).toBeLessThanOrEqual(SPAN_EVENTS_LIMIT * 1.1 + 1);
  expect(store.spans.get("root")?.span_events?.at(-1)?.ts).toBe(EVENTS - 2);
}, 3_600_000);
