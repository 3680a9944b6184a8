import { describe, expect, it } from "vitest";
import { closedFor, type Goal } from "../../../src/run/tree/open-to";
import { anchorRow, newestRow, visibleRows } from "../../../src/run/tree/rows";
import { MOST_STICKY, stickyRows } from "../../../src/run/tree/sticky";
import type { SpanState } from "../../../src/service/wire";
import { RunStore } from "../../../src/store";
import { moveFor } from "../../../src/views/trace/tree-move";

const NONE: ReadonlySet<string> = new Set();

/** "id parent kind status" */
function storeOf(...rows: readonly string[]): RunStore {
  const spans = rows.map((row, at): SpanState => {
    const [id = "", parent = "-", kind = "span", status = "ok"] = row.split(" ");
    return {
      span_id: id,
      parent_id: parent === "-" ? null : parent,
      kind,
      status: status as SpanState["status"] & string,
      start: at,
      end: at,
    };
  });
  const store = new RunStore();
  store.load({ run: { run_id: "1", status: "running" }, spans, next_index: 0, epoch: null });
  return store;
}

const store = storeOf(
  "root -",
  "a root phase",
  "a1 a llm_call",
  "a2 a",
  "a21 a2 span error",
  "b root phase",
  "b1 b",
  "b11 b1 span running",
  "c root llm_call",
  "c1 c",
);

describe("opened as far as", () => {
  const seen = (goal: Goal, of = store) =>
    visibleRows(of.tree, closedFor(goal, of.tree, of.spans))
      .map(({ id }) => id)
      .join(" ");

  it.each([
    ["all", "root a a1 a2 a21 b b1 b11 c c1"],
    ["errors", "root a a1 a2 a21 b c"],
    ["running", "root a b b1 b11 c"],
    ["llm", "root a a1 a2 b c"],
    ["depth1", "root a b c"],
    ["depth2", "root a a1 a2 b b1 c c1"],
  ] as const)("%s", (goal, ids) => {
    expect(seen(goal)).toBe(ids);
  });

  it("nothing of the kind leaves the tops open", () => {
    expect(seen("errors", storeOf("root -", "a root", "a1 a"))).toBe("root a");
  });
});

describe("rows that stay in sight", () => {
  const rows = visibleRows(store.tree, NONE);
  const at = (row: number, fraction = 0) =>
    stickyRows(rows, (row + fraction) * 30, 30)
      .map(({ id }) => id)
      .join(" ");

  it("are what the first row that is not covered stands below", () => {
    expect([at(0), at(1), at(7)]).toEqual(["", "root a", "root"]);
    // Where a branch ends, those of it that would cover the next one give way.
    expect([at(2), at(1, 0.5)]).toEqual(["root", "root"]);
  });

  it("are few, however deep it is", () => {
    const deep = storeOf(...Array.from({ length: 200 }, (_, at) => `d${at} ${at ? `d${at - 1}` : "-"}`));
    const shown = stickyRows(visibleRows(deep.tree, NONE), 100 * 30, 30);
    expect(shown).toHaveLength(MOST_STICKY);
    expect(shown[0]?.id).toBe("d0");
  });
});

describe("rows that must not move", () => {
  const rows = visibleRows(store.tree, NONE);
  const sight = { top: 60, height: 90, row: 30 };

  it("are what the reader is at, where it is in sight, else the topmost", () => {
    expect(anchorRow(rows, [null, "a2", "a21"], sight)).toBe(3);
    expect(anchorRow(rows, ["root", "c1"], sight)).toBe(2);
    expect(anchorRow(rows, [null], { ...sight, top: 0 })).toBe(-1);
    expect(anchorRow(rows, ["a"], { ...sight, top: 0 })).toBe(1);
  });

  it("and the newest is the one that began last", () => {
    expect(rows[newestRow(store.tree, rows)]?.id).toBe("c1");
    expect(newestRow(store.tree, [])).toBe(0);
  });
});

describe("keys", () => {
  const rows = visibleRows(store.tree, NONE);
  const move = (key: string, at: number, isOpen = true) => moveFor(key, { rows, at, isOpen, page: 5 });

  it("go from row to row, into a branch and out of it", () => {
    expect(move("ArrowDown", 2)).toEqual({ to: 3 });
    expect(move("ArrowUp", -1)).toEqual({ to: 0 });
    expect(move("PageDown", 2)).toEqual({ to: 7 });
    expect(move("End", 2)).toEqual({ to: rows.length - 1 });
    expect(move("ArrowRight", 1)).toEqual({ to: 2 });
    expect(move("ArrowRight", 1, false)).toEqual({ toggle: "a" });
    expect(move("ArrowLeft", 1)).toEqual({ toggle: "a" });
    expect(move("ArrowLeft", 2)).toEqual({ to: 1 });
  });

  it("stay where there is nowhere to go, and leave other keys alone", () => {
    expect([move("ArrowRight", 2), move("ArrowLeft", 0, false)]).toEqual(["stay", "stay"]);
    expect([move("Enter", 2), move("Escape", 2), move("x", 2)]).toEqual(["choose", "leave", null]);
  });
});
