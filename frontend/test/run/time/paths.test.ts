import { describe, expect, it } from "vitest";
import { Kept } from "../../../src/run/kept";
import { criticalPath } from "../../../src/run/time/critical-path";
import { selfTimeUs } from "../../../src/run/time/self-time";
import type { SpanState } from "../../../src/service/wire";
import { RunStore } from "../../../src/store";

type Row = readonly [string, string | null, number, number];

function inputOf(...rows: readonly Row[]) {
  const spans = rows.map(
    ([id, parent, start, end]): SpanState => ({ span_id: id, parent_id: parent, start, end, status: "ok" }),
  );
  const store = new RunStore();
  store.load({ run: { run_id: "1", status: "completed" }, spans, next_index: 0, epoch: null });
  return {
    tree: store.tree,
    spans: store.spans,
    startOf: (span: SpanState) => span.start ?? 0,
    endOf: (span: SpanState) => span.end ?? 0,
  };
}

function path(...rows: readonly Row[]): Record<string, [number, number][]> {
  const entries = [...criticalPath(inputOf(...rows))];
  return Object.fromEntries(entries.map(([id, parts]) => [id, parts.map(({ from, to }) => [from, to])]));
}

describe("the critical path", () => {
  it("goes back from the end by the child that ended last", () => {
    expect(
      path(["root", null, 0, 100], ["a", "root", 10, 40], ["b", "root", 20, 80], ["b1", "b", 30, 60]),
    ).toEqual({
      root: [
        [80, 100],
        [0, 20],
      ],
      b: [
        [60, 80],
        [20, 30],
      ],
      b1: [[30, 60]],
    });
  });

  it("does not count what a child does after its parent, nor what never overlapped it", () => {
    expect(
      path(
        ["root", null, 0, 10],
        ["late", "root", 4, 99],
        ["off", "root", 500, 600],
        ["before", "root", -9, -1],
      ),
    ).toEqual({ root: [[0, 4]], late: [[4, 10]] });
  });

  it("takes every moment of the root once", () => {
    const rows: Row[] = [["root", null, 0, 1000]];
    for (let at = 0; at < 300; at++) {
      const parent = rows[(at * 7) % rows.length];
      if (!parent) continue;
      const start = parent[2] + ((at * 37) % 50);
      rows.push([`s${at}`, parent[0], start, start + ((at * 53) % 200)]);
    }
    const parts = Object.values(path(...rows))
      .flat()
      .sort(([a], [b]) => a - b);
    expect(parts[0]?.[0]).toBe(0);
    for (let at = 1; at < parts.length; at++) expect(parts[at]?.[0]).toBe(parts[at - 1]?.[1]);
    expect(parts.at(-1)?.[1]).toBe(1000);
  });

  it("a chain of thousands is no trouble, and nothing has no path", () => {
    const deep = Array.from(
      { length: 5_000 },
      (_, at): Row => [`d${at}`, at ? `d${at - 1}` : null, at, 9_999],
    );
    expect(criticalPath(inputOf(...deep)).size).toBe(5_000);
    expect(criticalPath(inputOf()).size).toBe(0);
  });
});

describe("self time", () => {
  const self = (...rows: readonly Row[]) => {
    const input = inputOf(...rows);
    const node = input.tree.get("root");
    return node && selfTimeUs(node, input);
  };

  it("is what no child covers, overlaps counted once", () => {
    expect(self(["root", null, 0, 100], ["a", "root", 10, 40], ["b", "root", 30, 50])).toBe(60);
    expect(self(["root", null, 0, 100])).toBe(100);
    expect(self(["root", null, 0, 100], ["a", "root", -50, 500])).toBe(0);
    expect(self(["root", null, 0, 100], ["off", "root", 200, 300])).toBe(100);
  });

  it("is unknown of a span that ends before it starts", () => {
    expect(self(["root", null, 100, 0])).toBeUndefined();
  });
});

it("a result is made again when it may be, and at once where it must", () => {
  let now = 0;
  let made = 0;
  const kept = new Kept(
    () => {
      now += 10;
      return ++made;
    },
    () => now,
  );
  expect([kept.get("run", 1), kept.get("run", 1)]).toEqual([1, 1]);
  expect(kept.get("run", 2)).toBe(1);
  expect(kept.get("other", 2)).toBe(2);
  now += 1_000;
  expect(kept.get("other", 3)).toBe(3);
});
