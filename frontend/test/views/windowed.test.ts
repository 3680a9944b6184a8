import { describe, expect, it } from "vitest";
import { ascending } from "../../src/views/ascending";
import { type RowBlock, rowBlock } from "../../src/views/row-block";
import { Seen } from "../../src/views/trace/seen";

const NONE: RowBlock = { first: 0, end: 0 };

describe("the rows that are elements", () => {
  it("are those in sight and some on both sides, within the list", () => {
    expect(rowBlock({ top: 100.5, height: 10, count: 1_000 }, 12, NONE)).toEqual({ first: 88, end: 123 });
    expect(rowBlock({ top: 0, height: 10, count: 1_000 }, 12, NONE)).toEqual({ first: 0, end: 22 });
    expect(rowBlock({ top: 990, height: 10, count: 1_000 }, 12, NONE)).toEqual({ first: 978, end: 1_000 });
    expect(rowBlock({ top: 0, height: 10, count: 3 }, 12, NONE)).toEqual({ first: 0, end: 3 });
  });

  it("stay the same ones while half of the others are left", () => {
    let block = rowBlock({ top: 100, height: 10, count: 1_000 }, 12, NONE);
    const firsts: number[] = [];
    for (let top = 100; top <= 121; top++) {
      block = rowBlock({ top, height: 10, count: 1_000 }, 12, block);
      firsts.push(block.first);
      expect(block.first).toBeLessThanOrEqual(top - 6);
      expect(block.end).toBeGreaterThanOrEqual(top + 16);
    }
    expect(new Set(firsts)).toEqual(new Set([88, 95, 102, 109]));
    // The other way round they are kept as well.
    expect(rowBlock({ top: 118, height: 10, count: 1_000 }, 12, block)).toBe(block);
  });

  it("are others when the list has become shorter, or the view lower", () => {
    const block = rowBlock({ top: 100, height: 40, count: 1_000 }, 12, NONE);
    expect(rowBlock({ top: 60, height: 40, count: 100 }, 12, block)).toEqual({ first: 48, end: 100 });
    expect(rowBlock({ top: 110, height: 4, count: 1_000 }, 12, block)).toEqual({ first: 98, end: 126 });
  });
});

describe("what stands in order already", () => {
  const moved = (places: readonly number[]) => {
    const kept = ascending(places);
    return places.filter((place) => !kept.has(place));
  };

  it("is not moved", () => {
    expect(moved([])).toEqual([]);
    expect(moved([0, 1, 2, 3])).toEqual([]);
  });

  it("is most of it after rows have come at one end and gone at the other", () => {
    expect(moved([6, 7, 0, 1, 2, 3, 4, 5])).toEqual([6, 7]);
    expect(moved([2, 3, 4, 5, 0, 1])).toEqual([0, 1]);
    expect(moved([0, 1, 5, 2, 3, 4])).toEqual([5]);
    expect(moved([3, 2, 1, 0])).toHaveLength(3);
  });
});

it("sees by identity whether anything is another", () => {
  const seen = new Seen();
  const span = { name: "a" };
  expect(seen.again([span, 1])).toBe(false);
  expect(seen.again([span, 1])).toBe(true);
  expect(seen.again([{ ...span }, 1])).toBe(false);
  expect(seen.again([span, 2])).toBe(false);
  expect(seen.again([span, 2, undefined])).toBe(false);
  expect(seen.again([span, 2, undefined])).toBe(true);
});
