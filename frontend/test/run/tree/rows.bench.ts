/**
 * CPU time of an event at 1,000 events a second, drawn ten times a second, with 20,000 spans on the page: the rows that are
 * kept up to date beside a pass over the whole tree for each frame. `npx vitest bench`
 */
import { expect, it } from "vitest";
import { walked } from "../../../src/run/tree/pre-order";
import { newestRow, visibleRows } from "../../../src/run/tree/rows";
import type { Frame, Snapshot, SpanState, TailEvent } from "../../../src/service/wire";
import { RunStore } from "../../../src/store";

const PHASES = 2_000;
const CALLS = 9;
const EVENTS_A_FRAME = 100;
const NONE: ReadonlySet<string> = new Set();

function filled(): RunStore {
  const store = new RunStore();
  const spans: SpanState[] = [];
  const add = (id: string, parent: string | null, kind: string, start: number) =>
    spans.push({ span_id: id, parent_id: parent, kind, status: "ok", rev: 2, start, end: start + 1 });
  add("root", null, "operation", 0);
  for (let phase = 0; phase < PHASES; phase++) {
    add(`p${phase}`, "root", "phase", 1 + phase * 10);
    for (let call = 0; call < CALLS; call++)
      add(`p${phase}c${call}`, `p${phase}`, "llm_call", 2 + phase * 10 + call);
  }
  store.load({ run: { run_id: "r", status: "running" }, spans, next_index: 0, epoch: "1" } as Snapshot);
  return store;
}

/** The next frame: 50 spans that begin and end, in the last phases or anywhere. */
function frame(store: RunStore, isAnywhere: boolean): Frame {
  const logs: TailEvent[] = [];
  for (let seq = store.nextIndex; seq < store.nextIndex + EVENTS_A_FRAME; seq += 2) {
    const phase = isAnywhere ? (seq * 37) % PHASES : PHASES - 1 - (seq % 5);
    const start = 30_000 + seq;
    const span = { span_id: `n${seq}`, parent_id: `p${phase}`, kind: "llm_call", start, ts: start };
    logs.push({ ...span, seq, event: "llm_call_start", status: "running", rev: 1, end: null });
    logs.push({ ...span, seq: seq + 1, event: "llm_call_complete", status: "ok", rev: 2, end: start + 5 });
  }
  return { logs, next_index: store.nextIndex + EVENTS_A_FRAME } as Frame;
}

/** CPU microseconds of an event, over 200 frames. */
function cost(isAnywhere: boolean, draw: (store: RunStore) => void): number {
  const store = filled();
  const frames = (count: number) => {
    for (let more = 0; more < count; more++) {
      store.fold(frame(store, isAnywhere));
      draw(store);
    }
  };
  frames(20);
  const before = process.cpuUsage();
  frames(200);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 200 / EVENTS_A_FRAME;
}

it.each([false, true])("CPU time of an event (all over the run: %s)", (isAnywhere) => {
  const folded = cost(isAnywhere, () => {});
  const kept = cost(isAnywhere, (store) => void newestRow(store.tree, visibleRows(store.tree, NONE)));
  const passed = cost(isAnywhere, (store) => void newestRow(store.tree, walked(store.tree.roots)));
  const us = (value: number) => `${value.toFixed(2)} µs`;
  console.log(
    `${isAnywhere ? "all over the run" : "in its last phases"}: ${us(folded)} an event to fold it;`,
    `rows on top: ${us(kept - folded)} kept up to date, ${us(passed - folded)} by a pass over all`,
  );
  expect(kept).toBeLessThan(passed);
});
