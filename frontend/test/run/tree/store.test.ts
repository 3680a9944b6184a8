import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Frame, SpanState, TailEvent } from "../../../src/service/wire";
import { RunStore, TAIL_LIMIT } from "../../../src/store";

const RUN = "4bf92f3577b34da6a3ce929d0e0e4736";

function frame(logs: TailEvent[]): Frame {
  const next = (logs.at(-1)?.seq ?? -1) + 1;
  return {
    run_id: RUN,
    status: "running",
    logs,
    next_index: next,
    first_index: 0,
    reset: false,
    epoch: "1",
    expected_log_count: null,
  };
}

let seq = 0;
function event(name: string, change: Partial<TailEvent> = {}): TailEvent {
  return {
    seq: seq++,
    ts: 1_000 + seq,
    event: name,
    span_id: "a",
    run_id: RUN,
    parent_id: null,
    kind: "phase",
    start: 1_000,
    ...change,
  };
}

function folded(...events: TailEvent[]): RunStore {
  const store = new RunStore();
  const first = events[0]?.seq ?? 0;
  store.fold(frame(events.map((each) => ({ ...each, seq: each.seq - first }))));
  return store;
}

function span(store: RunStore, id = "a"): SpanState {
  const found = store.spans.get(id);
  if (!found) throw new Error(`no span ${id}`);
  return found;
}

describe("fold", () => {
  it("creates at the start, merges updates by key, replaces at the end", () => {
    const store = folded(
      event("phase_start", { rev: 1, status: "running", name: "p", attributes: { a: 1, b: 1 } }),
      event("phase_update", { rev: 2, status: "running", attributes: { b: 2 }, tokens: { output: 5 } }),
    );
    expect(span(store)).toMatchObject({
      name: "p",
      attributes: { a: 1, b: 2 },
      tokens: { output: 5 },
      status: "running",
    });
    expect(store.running.has("a")).toBe(true);
    seq = 2;
    store.fold(
      frame([event("phase_error", { name: "p", rev: 3, status: "error", end: 2_000, attributes: { c: 3 } })]),
    );
    expect(span(store)).toMatchObject({ name: "p", end: 2_000, status: "error" });
    // What only the details show is fetched for them: a run of hours would fill the memory with it.
    expect(span(store)).not.toHaveProperty("attributes");
    expect(store.running.size).toBe(0);
    expect(store.errors).toBe(1);
  });

  it("takes an end without a start", () => {
    const store = folded(event("phase_complete", { rev: 1, status: "ok", end: 1_500 }));
    expect(span(store).status).toBe("ok");
    expect(store.tree.size).toBe(1);
  });

  it("does not let a repeated tail undo a newer snapshot", () => {
    const store = new RunStore();
    const state: SpanState = {
      span_id: "a",
      rev: 3,
      status: "ok",
      start: 1_000,
      end: 2_000,
      kind: "phase",
      noted: 1,
    };
    store.load({ run: { run_id: RUN, status: "running" }, spans: [state], next_index: 0, epoch: "1" });
    seq = 0;
    store.fold(
      frame([
        event("phase_start", { rev: 1, status: "running", end: null }),
        event("decision_point", { rev: 2, status: "running", noted: 1, attributes: { chose: "b" } }),
        event("phase_complete", { rev: 3, status: "ok", end: 2_000 }),
      ]),
    );
    expect(span(store).status).toBe("ok");
    expect(span(store).span_events ?? []).toEqual([]);
    expect(store.tail).toHaveLength(3);
  });

  it("ends an abandoned span when its real end arrives, and brings a revived one back", () => {
    const store = folded(
      event("phase_start", { rev: 1, status: "running" }),
      event("phase_abandoned", {
        rev: 1,
        status: "abandoned",
        end: 1_800,
        abandoned: { reason: "runner_died", last_heartbeat: 1_800 },
      }),
    );
    expect(span(store).abandoned).toEqual({ reason: "runner_died", last_heartbeat: 1_800 });
    store.foldEvent({ ...event("phase_revived", { rev: 2, status: "running", end: null }), seq: 9 });
    expect(span(store)).toMatchObject({ status: "running", end: null, corrected: true });
    expect(span(store).abandoned).toBeUndefined();
  });

  it("knows why a span was skipped, from events before the snapshot too", () => {
    const skip = { status: "skipped" as const, attributes: { "spantail.reason": "demo" } };
    const store = folded(event("phase_skip", { rev: 1, ...skip }));
    expect(store.reasons.get("a")).toBe("demo");
    const late = new RunStore();
    late.load({
      run: { run_id: RUN, status: "running" },
      spans: [{ span_id: "a", status: "skipped" }],
      next_index: 5,
      epoch: "1",
    });
    const { version } = late;
    late.prependHistory([{ ...event("phase_skip", skip), seq: 4 }]);
    expect(late.reasons.get("a")).toBe("demo");
    expect(late.version).toBeGreaterThan(version);
  });

  it("is another one once log records from before the snapshot tell what was said", () => {
    const store = folded(event("phase_start", { rev: 1, status: "running" }));
    const { version } = store;
    store.prependHistory([{ ...event("log", { message: "hello" }), seq: -2 }]);
    expect(store.version).toBe(version);
    store.prependHistory([{ ...event("log", { attributes: { "gen_ai.prompt": "hello" } }), seq: -3 }]);
    expect(store.version).toBeGreaterThan(version);
  });

  it("keeps span events on their span and unknown names in the tail", () => {
    const store = folded(
      event("phase_start", { rev: 1, status: "running", noted: 0 }),
      event("cv_struct_parsed", { rev: 2, status: "running", noted: 1, attributes: { fields: 12 } }),
      event("my_error", { rev: 2, status: "running", noted: 2 }),
      event("log", { level: "INFO", message: "hello" }),
    );
    expect(span(store).span_events?.map((each) => each.name)).toEqual(["cv_struct_parsed", "my_error"]);
    expect(span(store).status).toBe("running");
    expect(store.tail.map((each) => each.event)).toEqual([
      "phase_start",
      "cv_struct_parsed",
      "my_error",
      "log",
    ]);
  });

  it("ignores events it has had", () => {
    const store = folded(event("phase_start", { status: "running" }));
    const version = store.version;
    store.fold({ ...frame([]), next_index: 1 });
    expect(store.version).toBe(version);
    seq = 0;
    store.fold(frame([event("phase_start", { status: "running" })]));
    expect(store.tail).toHaveLength(1);
  });

  it("bounds the tail and counts on", () => {
    const store = new RunStore();
    for (let page = 0; page < 13; page++) {
      const logs = Array.from({ length: 1_000 }, (_, i) => ({
        seq: page * 1_000 + i,
        ts: 1,
        event: "log",
        message: "x",
      }));
      store.fold(frame(logs));
    }
    expect(store.tail.length).toBeLessThanOrEqual(TAIL_LIMIT * 1.1);
    expect(store.tail.at(-1)?.seq).toBe(12_999);
    expect(store.tailTrimmed + store.tail.length).toBe(13_000);
  });
});

describe("the golden events", () => {
  const path = new URL("../../../../tests/golden/events.ndjson", import.meta.url);
  const events = readFileSync(path, "utf8")
    .split("\n")
    .filter(Boolean)
    .map((line, index) => ({ seq: index, ...JSON.parse(line) }) as TailEvent);
  const store = new RunStore();
  store.fold(frame(events));

  it("are all in the tail, in order", () => {
    expect(events.length).toBeGreaterThan(0);
    expect(store.tail.map((each) => each.event)).toEqual(events.map((each) => each.event));
  });

  it("leave every span in the state of its last change", () => {
    const ids = new Set(events.filter((each) => each.event !== "log").map((each) => each.span_id));
    expect(store.spans.size).toBe(ids.size);
    for (const [id, state] of store.spans) {
      const ends = events.filter(
        (each) => each.span_id === id && each.status !== undefined && each.status !== "running",
      );
      const last = ends.at(-1);
      if (!last) expect(state.status, id).toBe("running");
      else expect(state, id).toMatchObject({ status: last.status, end: last.end });
    }
  });

  it("make one tree, and their money adds up", () => {
    const known = store.tree.roots.filter((root) => root.known);
    expect(known.length).toBeGreaterThan(0);
    const stated = [...store.spans.values()].map((state) =>
      state.kind === "llm_call" ? state : state.account,
    );
    const sum = stated.reduce((total, cost) => total + (cost?.cost_nano ?? 0), 0);
    const roots = store.tree.roots.reduce((total, root) => total + root.total.cost, 0);
    expect(roots).toBe(sum);
  });

  it("give a span each of its span events once", () => {
    for (const [id, state] of store.spans) {
      const noted = events.filter((each) => each.span_id === id).map((each) => each.noted ?? 0);
      const extra = (state.span_events ?? []).filter((each) => each.name === "exception").length;
      expect((state.span_events ?? []).length - extra, id).toBe(Math.max(0, ...noted));
    }
  });
});
