/** The rows that are kept up to date are those of a pass over the whole tree, whatever has come and in which order. */
import { expect, it } from "vitest";
import { walked } from "../../../src/run/tree/pre-order";
import { newestRow, visibleRows } from "../../../src/run/tree/rows";
import { treeOrder } from "../../../src/run/tree/tree-order";
import { TraceTree } from "../../../src/tree";
import { seeded } from "../../seeded";

function check(tree: TraceTree, about: string): void {
  const kept = tree.rows();
  const rows = walked(tree.roots);
  expect(
    kept.map(({ id }) => id),
    about,
  ).toEqual(rows.map(({ id }) => id));
  expect(
    kept.map(({ at }) => at),
    about,
  ).toEqual([...kept.keys()]);
  for (const { depth, parent } of kept) expect(depth, about).toBe(parent ? parent.depth + 1 : 0);
  expect(newestRow(tree, kept), about).toBe(newestRow(tree, kept.slice()));
}

it("is the same after any number of spans that come, move, or bring a parent that was missing", () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = seeded(seed);
    const below = (most: number) => Math.floor(random() * most);
    const tree = new TraceTree();
    const count = 1 + below(60);
    for (let step = 0; step < 40; step++) {
      for (let more = below(6); more > 0; more--) {
        // Ids are few: spans are met again, under other parents and with other starts; loops of parents come to be.
        const parent = below(5) === 0 ? null : `s${below(count)}`;
        tree.place(`s${below(count)}`, parent, below(40));
      }
      check(tree, `seed ${seed}, step ${step}`);
    }
  }
});

it("gives lists that do not change, and the place of each span", () => {
  const tree = new TraceTree();
  tree.place("a", null, 0);
  tree.place("c", "a", 2);
  const before = tree.rows();
  expect(tree.rows()).toBe(before);
  tree.place("b", "a", 1);
  expect(before.map(({ id }) => id)).toEqual(["a", "c"]);
  expect(tree.rows().map(({ id }) => id)).toEqual(["a", "b", "c"]);
  const places = treeOrder(tree);
  expect(["a", "b", "c", "d"].map((id) => places.get(id))).toEqual([0, 1, 2, undefined]);
  expect(visibleRows(tree, new Set(["a"])).map(({ id }) => id)).toEqual(["a"]);
  tree.clear();
  expect(tree.rows()).toEqual([]);
  expect(tree.newest()).toBeUndefined();
});

it("goes on with a fold that hides its only row, and with more at once than are worked in one by one", () => {
  const tree = new TraceTree();
  const share = { cost: 0, priced: 0, unpriced: 0, errors: 0, llm: 0 };
  tree.place("a", null, 0);
  check(tree, "alone");
  tree.fold("a", share);
  check(tree, "folded");
  expect(tree.rows()).toHaveLength(1);
  tree.place("b", "a", 1);
  check(tree, "one child is here");
  expect(tree.rows()).toHaveLength(3);
  tree.fold("a", undefined);
  check(tree, "all are here");
  for (let number = 0; number < 2_000; number++) tree.place(`n${number}`, number % 2 ? "a" : "b", number);
  check(tree, "many");
});
