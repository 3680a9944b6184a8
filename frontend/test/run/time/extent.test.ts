import { describe, expect, it } from "vitest";
import { rootOf, runExtent, runTimes } from "../../../src/run/time/extent";
import { TimeView } from "../../../src/run/time/time-view";
import type { RunSummary, SpanState } from "../../../src/service/wire";
import { RunStore } from "../../../src/store";
import { runItem } from "../../../src/views/run-list";

const S = 1_000_000;
const T0 = 1_795_308_986_000_000;
const ID = "4bf92f3577b34da6a3ce929d0e0e4736";

/** [id, parent, start, end, skew], times in seconds after T0. */
type Row = readonly [string, string | null, number, number | null, number?];

function storeOf(...rows: readonly Row[]): RunStore {
  const spans = rows.map(([id, parent, start, end, skew]): SpanState => {
    const span: SpanState = {
      span_id: id,
      parent_id: parent,
      start: T0 + start * S,
      end: end === null ? null : T0 + end * S,
      status: end === null ? "running" : "ok",
      kind: "span",
    };
    if (skew !== undefined) span.clock_skew_us = skew * S;
    return span;
  });
  const store = new RunStore();
  const run: RunSummary = { run_id: ID, status: "completed" };
  store.load({ run, spans, next_index: 0, epoch: null });
  return store;
}

function seconds(extent: { start: number; end: number } | null): [number, number] {
  return extent ? [(extent.start - T0) / S, (extent.end - T0) / S] : [Number.NaN, Number.NaN];
}

describe("runExtent", () => {
  const off = storeOf(["root", null, 0, 1], ["a", "root", 0.1, 0.9], ["b", "root", 3600, 3600.5, 3600]);

  it("leaves out what lies an hour off, counts it, and shows it on demand", () => {
    const fitted = runExtent(off, T0 + S, false, false);
    expect(seconds(fitted)).toEqual([0, 1]);
    expect(fitted).toMatchObject({ outside: 1, skewed: 1 });
    const all = runExtent(off, T0 + S, false, true);
    expect(seconds(all)).toEqual([0, 3600.5]);
    expect(all?.outside).toBe(1);
  });

  it("with the clocks adjusted nothing lies outside", () => {
    const adjusted = runExtent(off, T0 + S, true, false);
    expect(seconds(adjusted)).toEqual([0, 1]);
    expect(adjusted).toMatchObject({ outside: 0, skewed: 1 });
  });

  it("takes in work that outlives its caller, and the many that the root only started", () => {
    expect(seconds(runExtent(storeOf(["r", null, 0, 1], ["late", "r", 3, 9]), T0, false, false))).toEqual([
      0, 9,
    ]);
    const jobs = Array.from({ length: 5 }, (_, at): Row => [`j${at}`, "r", 60 + at, 61 + at]);
    const started = runExtent(storeOf(["r", null, 0, 0.05], ...jobs), T0, false, false);
    expect(seconds(started)).toEqual([0, 65]);
    expect(started?.outside).toBe(0);
  });

  it("believes of a span that ends before it starts only the start", () => {
    expect(
      seconds(runExtent(storeOf(["r", null, 0, 1], ["odd", "r", 0.5, -3600]), T0, false, false)),
    ).toEqual([0, 1]);
  });

  it("knows nothing of a run without spans", () => {
    expect(runExtent(storeOf(), T0, false, false)).toBeNull();
  });
});

describe("the time of a run", () => {
  it("is its root's, in the head as in the list", () => {
    const store = storeOf(["root", null, 0, 1], ["b", "root", 600, 601]);
    const run: RunSummary = { run_id: ID, status: "completed", start: T0, end: T0 + S };
    const { start, end } = runTimes(run, store);
    expect(runItem({ ...run, start, end }, null, 0).length).toBe(runItem(run, null, 0).length);
    expect(runItem({ ...run, start, end }, null, 0).length).toBe("1.00 s");
  });

  it("is the earliest orphan's where no root is here", () => {
    expect(rootOf(storeOf(["b", "gone", 5, 6], ["a", "lost", 2, 3]).tree)).toBe("a");
    expect(rootOf(storeOf().tree)).toBeUndefined();
  });

  it("says so where the end is before the start", () => {
    const run: RunSummary = { run_id: ID, status: "completed", start: T0 + S, end: T0 };
    expect(runItem(run, null, 0).length).toBe("−1.00 s");
  });
});

describe("TimeView", () => {
  const store = storeOf(["root", null, 0, 100]);
  const opened = () => {
    const time = new TimeView();
    time.update(store, T0 + 100 * S, false);
    return time;
  };

  it("zooms around a place, and no further out than everything", () => {
    const time = opened();
    time.zoom(0.5, 0.25);
    expect([time.share(T0 + 25 * S), time.isZoomed]).toEqual([0.25, true]);
    expect((time.shown.to - time.shown.from) / S).toBeCloseTo(50);
    time.zoom(4, 0.25);
    expect([time.isZoomed, time.share(T0), time.share(T0 + 100 * S)]).toEqual([false, 0, 1]);
  });

  it("stops at the ends when it is moved", () => {
    const time = opened();
    time.zoomTo(T0 + 20 * S, T0 + 40 * S);
    time.pan(-5);
    expect([time.shown.from, time.shown.to]).toEqual([T0, T0 + 20 * S]);
    time.pan(99);
    expect(time.shown.to).toBe(T0 + 100 * S);
  });

  it("says when something stands elsewhere", () => {
    const time = opened();
    expect(time.update(store, T0 + 100 * S, false)).toBe(false);
    time.zoom(0.5);
    expect(time.update(store, T0 + 100 * S, false)).toBe(true);
  });

  it("a running span does not grow to a moment far off", () => {
    const live = storeOf(["root", null, 0, null], ["a", "root", 1, 2], ["b", "root", 3600, 3601]);
    const time = new TimeView();
    time.update(live, T0 + 3 * S, true);
    const root = live.spans.get("root");
    expect(root && (time.endOf(root, T0 + 4 * S) - T0) / S).toBe(4);
  });
});
