import { expect, it } from "vitest";
import { stepTo } from "../../src/browser/roving";

it("goes from one to the other along its axis, and stays at the ends", () => {
  expect(stepTo("ArrowDown", 0, 3, "y")).toBe(1);
  expect(stepTo("ArrowDown", 2, 3, "y")).toBe(2);
  expect(stepTo("ArrowUp", 0, 3, "y")).toBe(0);
  expect(stepTo("ArrowRight", 0, 3, "x")).toBe(1);
  expect(stepTo("ArrowRight", 0, 3, "y")).toBeUndefined();
  expect([stepTo("Home", 2, 3, "x"), stepTo("End", 0, 3, "x")]).toEqual([0, 2]);
  expect(stepTo("Enter", 0, 3, "x")).toBeUndefined();
});
