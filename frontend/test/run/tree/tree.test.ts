import { describe, expect, it } from "vitest";
import { hiddenBy, rowIndex, visibleRows } from "../../../src/run/tree/rows";
import { type Share, TraceTree, type TreeNode } from "../../../src/tree";

const NONE = new Set<string>();

function shape(tree: TraceTree, collapsed: ReadonlySet<string> = NONE): string[] {
  return visibleRows(tree, collapsed).map(
    (row) => `${"  ".repeat(row.depth)}${row.known ? "" : "?"}${row.id}`,
  );
}

function orders<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((first, i) =>
    orders(items.filter((_, at) => at !== i)).map((rest) => [first, ...rest]),
  );
}

function cost(nano: number, llm = 1): Share {
  return { cost: nano, priced: 1, unpriced: 0, errors: 0, llm };
}

function node(tree: TraceTree, id: string): TreeNode {
  const found = tree.get(id);
  if (!found) throw new Error(`no node ${id}`);
  return found;
}

describe("structure", () => {
  it("orders siblings by start, then by id", () => {
    const tree = new TraceTree();
    tree.place("root", null, 0);
    for (const [id, start] of [
      ["c", 30],
      ["a", 10],
      ["b2", 20],
      ["b1", 20],
    ] as const)
      tree.place(id, "root", start);
    expect(shape(tree)).toEqual(["root", "  a", "  b1", "  b2", "  c"]);
  });

  it("keeps a placeholder for a parent that has not arrived, and lets it go when it has", () => {
    const tree = new TraceTree();
    tree.place("root", null, 0);
    tree.place("child", "late", 20);
    expect(shape(tree)).toEqual(["root", "?late", "  child"]);
    tree.place("late", "root", 10);
    expect(shape(tree)).toEqual(["root", "  late", "    child"]);
    expect(tree.size).toBe(3);
  });

  it("gives a placeholder its earliest child's start", () => {
    const tree = new TraceTree();
    tree.place("b", "x", 50);
    tree.place("other", null, 40);
    tree.place("a", "x", 30);
    expect(shape(tree)).toEqual(["?x", "  a", "  b", "other"]);
  });

  it("drops a placeholder whose last child moved away", () => {
    const tree = new TraceTree();
    tree.place("a", "x", 1);
    tree.place("a", null, 1);
    expect(shape(tree)).toEqual(["a"]);
  });

  it("cuts a loop and shows every span", () => {
    const tree = new TraceTree();
    tree.place("a", "b", 1);
    tree.place("b", "a", 2);
    tree.place("self", "self", 3);
    expect(new Set(shape(tree).map((row) => row.trim()))).toEqual(new Set(["a", "b", "self"]));
    expect(node(tree, "self").cut).toBe(true);
  });

  const LOOPS: Record<string, readonly (readonly [string, string | null])[]> = {
    "a span that is its own parent": [["a", "a"]],
    "a loop of three": [
      ["a", "b"],
      ["b", "c"],
      ["c", "a"],
    ],
    "a loop with a branch": [
      ["a", "b"],
      ["b", "a"],
      ["leaf", "twig"],
      ["twig", "b"],
    ],
    "a loop beside a root and an orphan": [
      ["root", null],
      ["a", "b"],
      ["b", "a"],
      ["self", "self"],
      ["lost", "missing"],
    ],
  };

  it.each(Object.entries(LOOPS))("shows every span once, whichever comes first: %s", (_, spans) => {
    for (const order of orders(spans)) {
      const tree = new TraceTree();
      for (const again of [false, true]) {
        for (const [id, parent] of order) tree.place(id, parent, 1);
        for (const [id] of order) tree.measure(id, cost(1));
        const rows = visibleRows(tree, NONE).filter((row) => row.known);
        expect(rows.map((row) => row.id).sort()).toEqual(spans.map(([id]) => id).sort());
        expect(rows.every((row) => Number.isFinite(row.total.cost))).toBe(true);
        expect(again || rows.length > 0).toBe(true);
      }
    }
  });

  it("is the same whatever the order of arrival", () => {
    const spans = Array.from({ length: 40 }, (_, i) => ({
      id: `s${i}`,
      parent: i === 0 ? null : `s${i >> 1}`,
      start: i,
    }));
    const build = (order: typeof spans) => {
      const tree = new TraceTree();
      for (const { id, parent, start } of order) {
        tree.place(id, parent === id ? null : parent, start);
        tree.measure(id, cost(start));
      }
      return { rows: shape(tree), total: node(tree, "s0").total };
    };
    const forward = build(spans);
    let seed = 7;
    const random = () => {
      seed = (seed * 16_807) % 2_147_483_647;
      return seed / 2_147_483_647;
    };
    for (let round = 0; round < 20; round++) {
      const shuffled = spans
        .map((span) => ({ span, key: random() }))
        .sort((a, b) => a.key - b.key)
        .map(({ span }) => span);
      expect(build(shuffled)).toEqual(forward);
    }
  });

  it("walks a trace of 20,000 levels without recursion", () => {
    const tree = new TraceTree();
    for (let i = 0; i < 20_000; i++) tree.place(`s${i}`, i === 0 ? null : `s${i - 1}`, i);
    expect(visibleRows(tree, NONE).at(-1)?.depth).toBe(19_999);
  });
});

describe("sums", () => {
  it("adds up branches and follows a branch that moves", () => {
    const tree = new TraceTree();
    tree.place("root", null, 0);
    tree.place("call", "late", 2);
    tree.measure("call", cost(5));
    expect(node(tree, "root").total.cost).toBe(0);
    tree.place("late", "root", 1);
    expect(node(tree, "root").total).toEqual({ cost: 5, priced: 1, unpriced: 0, errors: 0, llm: 1 });
    tree.measure("call", { ...cost(8), errors: 1 });
    expect(node(tree, "root").total.cost).toBe(8);
    expect(node(tree, "root").total.errors).toBe(1);
  });

  it("counts nothing for an LLM span with an LLM span below it, whichever comes first", () => {
    for (const order of [
      ["wrapper", "attempt"],
      ["attempt", "wrapper"],
    ]) {
      const tree = new TraceTree();
      tree.place("root", null, 0);
      for (const id of order) {
        tree.place(id, id === "wrapper" ? "root" : "wrapper", id === "wrapper" ? 1 : 2);
        tree.measure(id, cost(100));
      }
      expect(node(tree, "root").total.cost).toBe(100);
      expect(node(tree, "wrapper").total.cost).toBe(100);
    }
  });
});

describe("rows", () => {
  const tree = new TraceTree();
  for (const [id, parent, start] of [
    ["r", null, 0],
    ["a", "r", 1],
    ["b", "a", 2],
    ["c", "r", 3],
  ] as const) {
    tree.place(id, parent, start);
  }

  it("leaves out what is below a collapsed node", () => {
    expect(shape(tree, new Set(["a"]))).toEqual(["r", "  a", "  c"]);
    expect(hiddenBy(tree, "b", new Set(["a", "r"]))).toEqual(["a", "r"]);
  });

  it("finds a row from any place", () => {
    const rows = visibleRows(tree, NONE);
    for (const near of [-1, 0, 2, 99]) expect(rowIndex(rows, "b", near)).toBe(2);
    expect(rowIndex(rows, "nobody")).toBe(-1);
  });
});
