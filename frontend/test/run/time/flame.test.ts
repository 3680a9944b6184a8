import { describe, expect, it } from "vitest";
import { type FlameLayout, flameLayout } from "../../../src/run/time/flame";
import type { SpanState } from "../../../src/service/wire";
import { RunStore } from "../../../src/store";

/** [id, parent, start, end]; null: it runs. */
type Row = readonly [string, string | null, number, number | null];

function layoutOf(rows: readonly Row[]): FlameLayout {
  const store = new RunStore();
  const spans = rows.map(
    ([id, parent, start, end]): SpanState => ({
      span_id: id,
      parent_id: parent,
      start,
      end,
      status: end === null ? "running" : "ok",
    }),
  );
  store.load({ run: { run_id: "1", status: "running" }, spans, next_index: 0, epoch: null });
  return flameLayout({
    tree: store.tree,
    spans: store.spans,
    startOf: (span) => span.start ?? 0,
    endOf: (span) => span.end ?? 0,
  });
}

function shape(rows: readonly Row[]): string[] {
  return layoutOf(rows).rows.map((row) => row.map((frame) => frame.id).join(" "));
}

describe("the layout", () => {
  it("puts children below their parents and what overlaps into further rows", () => {
    expect(
      shape([
        ["root", null, 0, 100],
        ["a", "root", 0, 40],
        ["b", "root", 20, 60],
        ["c", "root", 50, 90],
        ["a1", "a", 5, 10],
        ["b1", "b", 25, 30],
      ]),
    ).toEqual(["root", "a c", "a1 b", "b1"]);
  });

  it("leaves the row of a running span to it", () => {
    expect(
      shape([
        ["root", null, 0, null],
        ["a", "root", 1, null],
        ["b", "root", 50, 60],
      ]),
    ).toEqual(["root", "a", "b"]);
  });

  it("draws no frame for a parent that is not here, and copes with clocks that are off", () => {
    expect(
      shape([
        ["a", "gone", 5, 9],
        ["early", "a", -50, 7],
      ]),
    ).toEqual(["a", "early"]);
  });

  it("never lets two frames of a row overlap, nor a child stand above its parent", () => {
    const rows: Row[] = [["s0", null, 0, 5_000]];
    for (let at = 1; at < 2_000; at++) {
      const parent = rows[(at * 13) % rows.length];
      if (!parent) continue;
      const start = parent[2] + ((at * 37) % 90);
      rows.push([`s${at}`, parent[0], start, start + ((at * 59) % 120)]);
    }
    const layout = layoutOf(rows);
    for (const row of layout.rows)
      for (let at = 1; at < row.length; at++)
        expect(row[at]?.start).toBeGreaterThanOrEqual(row[at - 1]?.end ?? Number.NaN);
    for (const [id, parent] of rows)
      if (parent) expect(layout.get(id)?.row).toBeGreaterThan(layout.get(parent)?.row ?? Number.NaN);
  });

  it("takes 20,000 spans that all overlap", () => {
    const rows = Array.from({ length: 20_000 }, (_, at): Row => [`s${at}`, at ? "s0" : null, at, 100_000]);
    expect(layoutOf(rows).rows).toHaveLength(20_000);
  });
});

it("finds the frame at a moment, or near it", () => {
  const layout = layoutOf([
    ["root", null, 0, 100],
    ["a", "root", 10, 20],
    ["b", "root", 30, 30],
  ]);
  expect([layout.at(1, 15, 0)?.id, layout.at(1, 25, 0)?.id, layout.at(1, 28, 3)?.id]).toEqual([
    "a",
    undefined,
    "b",
  ]);
  const a = layout.get("a");
  expect(a && [layout.beside(a, 1)?.id, layout.beside(a, -1)?.id]).toEqual(["b", undefined]);
});
