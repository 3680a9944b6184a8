import { describe, expect, it } from "vitest";
import { FoldedTime, idleGaps } from "../../../src/run/time/idle-gaps";
import { binClass, binnedBars } from "../../../src/run/time/minimap-bins";
import { TimeView } from "../../../src/run/time/time-view";
import { visibleRows } from "../../../src/run/tree/rows";
import type { SpanState } from "../../../src/service/wire";
import { RunStore } from "../../../src/store";

const S = 1_000_000;

function storeOf(...rows: readonly (readonly [string, string | null, number, number, string?])[]): RunStore {
  const spans = rows.map(
    ([id, parent, start, end, kind = "span"]): SpanState => ({
      span_id: id,
      parent_id: parent,
      start: start * S,
      end: end * S,
      status: "ok",
      kind,
    }),
  );
  const store = new RunStore();
  store.load({ run: { run_id: "1", status: "completed" }, spans, next_index: 0, epoch: null });
  return store;
}

const approval = storeOf(
  ["root", null, 0, 100],
  ["think", "root", 0, 10],
  ["wait", "root", 10, 80, "queue"],
  ["act", "root", 80, 90],
  ["work", "act", 81, 90],
  ["last", "root", 99, 100],
);

describe("idle gaps", () => {
  const gaps = idleGaps(
    approval,
    { from: 0, to: 100 * S },
    (span) => span.start ?? 0,
    (span) => span.end ?? 0,
  );

  it("are where nothing works, a wait in the queue among it", () => {
    expect(gaps.map(({ from, to }) => [from / S, to / S])).toEqual([
      [10, 80],
      [90, 99],
    ]);
  });

  it("are none where something may work that is not here", () => {
    const { spans, tree } = approval;
    const of = (...ids: string[]) => {
      const folded = new Map(ids.map((id) => [id, true]));
      const whole = { from: 0, to: 100 * S };
      const found = idleGaps(
        { spans, tree, folded },
        whole,
        (span) => span.start ?? 0,
        (span) => span.end ?? 0,
      );
      return found.map(({ from, to }) => [from / S, to / S]);
    };
    expect(of("act")).toEqual([
      [10, 80],
      [90, 99],
    ]);
    expect(of("root")).toEqual([]);
    expect(of("")).toEqual([]);
  });

  it("take little room, and every moment has one place", () => {
    const folded = new FoldedTime(gaps, { from: 0, to: 100 * S });
    expect(folded.toAxis(5 * S)).toBe(5 * S);
    expect(folded.toAxis(100 * S)).toBeLessThan(25 * S);
    for (const at of [0, 5, 10, 33, 80, 85, 95, 99, 100])
      expect(folded.toReal(folded.toAxis(at * S)) / S).toBeCloseTo(at, 6);
    expect(folded.pieces({ from: 5 * S, to: 95 * S }).map(({ from, to }) => [from / S, to / S])).toEqual([
      [5, 10],
      [80, 90],
    ]);
  });

  it("are marked on the axis, and zoom goes on as before", () => {
    const time = new TimeView();
    time.update(approval, 100 * S, false);
    expect(time.cuts()).toEqual([]);
    time.setFolds(true);
    time.update(approval, 100 * S, false);
    expect(time.cuts().map((cut) => cut.lengthUs / S)).toEqual([70, 9]);
    const labels = time.ticks(900).map((tick) => tick.label);
    expect(labels).toContain("4 s");
    expect(labels).not.toContain("40 s");
    const at = time.timeAt(0.6);
    time.zoom(0.5, 0.6);
    time.update(approval, 100 * S, false);
    expect(time.timeAt(0.6) / S).toBeCloseTo(at / S, 3);
    expect([time.shareOfWhole(0), time.shareOfWhole(100 * S)]).toEqual([0, 1]);
  });
});

describe("the map", () => {
  it("shows of each pixel what matters most there", () => {
    const rows = visibleRows(approval.tree, new Set());
    const bars = binnedBars(rows, 100, 1, (node) => {
      const span = approval.spans.get(node.id);
      if (!span) return null;
      const of = node.id === "work" ? "error" : node.children.length > 0 ? "outer" : "plain";
      return { from: (span.start ?? 0) / (100 * S), to: (span.end ?? 0) / (100 * S), of };
    });
    expect(bars.map(({ from, to, of }) => [from, to, of])).toEqual([
      [0, 80, "plain"],
      [80, 81, "outer"],
      [81, 90, "error"],
      [90, 99, "outer"],
      [99, 100, "plain"],
    ]);
  });

  it("takes 100,000 rows in its stride", () => {
    const node = rowsOf(approval)[0];
    if (!node) throw new Error("no row");
    const rows = Array.from({ length: 100_000 }, () => node);
    const bars = binnedBars(rows, 1_000, 16, () => ({ from: 0, to: 1, of: "plain" }));
    expect(bars).toHaveLength(16);
  });
});

function rowsOf(store: RunStore) {
  return visibleRows(store.tree, new Set());
}

it("tells a call that another backend had to serve from one that was served at once, or not asked", () => {
  const call = { span_id: "a", kind: "llm_call", status: "ok" as const, fallback_from: "claude_cli" };
  expect(binClass({ ...call, fallback_reason: "overloaded" }, false)).toBe("fallback");
  expect(binClass({ ...call, fallback_reason: "not_installed" }, false)).toBe("llm");
  expect(binClass({ span_id: "a", kind: "llm_call", status: "skipped" }, false)).toBe("plain");
});
