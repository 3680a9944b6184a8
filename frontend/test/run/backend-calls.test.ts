import { expect, it } from "vitest";
import { BackendCallsReader, backendCalls } from "../../src/run/backend-calls";
import { LayerSpans } from "../../src/run/layer-spans";
import type { SpanState } from "../../src/service/wire";
import { RunStore } from "../../src/store";
import { backendTable } from "../../src/views/run/head/backends";
import { layerItems } from "../../src/views/run/head/layers";

function storeOf(...spans: SpanState[]): RunStore {
  const store = new RunStore();
  store.load({ run: { run_id: "r", status: "running" }, spans, next_index: 0, epoch: null });
  return store;
}

function call(
  id: string,
  backend: string,
  start: number,
  length: number | null,
  rest: Partial<SpanState> = {},
) {
  const end = length === null ? null : start + length;
  const status = length === null ? ("running" as const) : ("ok" as const);
  return { span_id: id, kind: "llm_call", backend, start, end, status, ...rest };
}

it("takes the median of the calls that were answered, and knows the first that failed", () => {
  const store = storeOf(
    call("1", "a", 10, 100),
    call("2", "a", 20, 300),
    call("3", "a", 30, 200),
    call("4", "a", 40, null),
    call("5", "a", 60, 1, { status: "error" }),
    call("6", "a", 50, 1, { status: "error" }),
    call("7", "b", 70, 50, { fallback_from: "a" }),
    { span_id: "8", kind: "tool", backend: "a", start: 0, end: 9_999, status: "ok" },
  );
  const calls = backendCalls(store);
  expect(calls.get("a")).toEqual({
    medianUs: 200,
    answered: 3,
    running: 1,
    failed: 2,
    firstFailure: "6",
    firstFallback: "7",
  });
  const [a] = backendTable({ a: { calls: 5, errors: 2, fallbacks: 1 } }, calls, "a").rows;
  expect(a).toMatchObject({ median: "200 µs", firstFailure: "6", firstFallback: "7", pressed: "true" });
  expect(a?.runs).toBe("/?backend=a&calls=failed");
  expect(backendTable({ b: { calls: 1, fallbacks: 1 } }).rows[0]?.runs).toBe("/?backend=b&calls=fell_back");
  expect(a?.medianTitle).toBe("Half of 3 answered calls took no longer, 1 not ended yet");
  const [part] = backendTable({ a: { calls: 600 } }, calls).rows;
  expect(part?.medianTitle).toContain("3 answered calls on the page");
  expect(backendTable({ c: { calls: 1 } }, calls).rows[0]).toMatchObject({
    median: "–",
    pressed: "false",
    runs: "",
  });
});

it("has the figures of a run with its first spans, however shortly before there were none", () => {
  const store = new RunStore();
  const reader = new BackendCallsReader();
  expect(reader.of(store, 0).size).toBe(0);
  store.load({
    run: { run_id: "r", status: "completed" },
    spans: [call("1", "a", 0, 10)],
    next_index: 0,
    epoch: null,
  });
  expect(reader.of(store, 20).get("a")?.medianUs).toBe(10);
});

it("looks at the spans at most once a second", () => {
  const store = storeOf(call("1", "a", 0, 10));
  const reader = new BackendCallsReader();
  expect(reader.of(store, 0).get("a")?.answered).toBe(1);
  store.load({
    run: { run_id: "r", status: "running" },
    spans: [call("1", "a", 0, 10), call("2", "a", 0, 10)],
    next_index: 0,
    epoch: null,
  });
  expect(reader.of(store, 900).get("a")?.answered).toBe(1);
  expect(reader.of(store, 1_000).get("a")?.answered).toBe(2);
});

it("says of a layer how long it takes, what it cost, and where its span is", () => {
  const layer = (id: string, name: string, start: number, end: number | null): SpanState => ({
    span_id: id,
    parent_id: "root",
    kind: "layer",
    name,
    layer: name,
    start,
    end,
    status: end === null ? "running" : "ok",
  });
  const store = storeOf(
    { span_id: "root", kind: "operation", start: 0, end: null, status: "running" },
    layer("f1", "fetch", 0, 1_000_000),
    layer("f2", "fetch", 500_000, 3_000_000),
    layer("s", "score", 3_000_000, null),
    { ...call("c", "a", 10, 5), parent_id: "f2", cost_nano: 4_100_000 },
  );
  const items = layerItems(
    [
      { name: "fetch", status: "complete" },
      { name: "score", status: "running", done: 2, total: 5 },
      { name: "rank", status: "pending" },
    ],
    new LayerSpans().of(store),
    4_500_000,
  );
  expect(items.map(({ spanId, progress, time, cost }) => [spanId, progress, time, cost])).toEqual([
    ["f1", "", "3.00 s", "$0.0041"],
    ["s", "2/5", "1.5 s", ""],
    ["", "", "", ""],
  ]);
});
