import { expect, it } from "vitest";
import { SourceFilters } from "../../src/runs/source-filters";

it("knows at the next visit whether there were environments and versions to choose from", () => {
  const kept = new Map<string, string>();
  const store = () => ({
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, text: string) => void kept.set(key, text),
    removeItem: (key: string) => void kept.delete(key),
  });
  const visit = () => new SourceFilters(store);
  expect(visit().wereThere).toBe(false);
  visit().areThere(true);
  expect(visit().wereThere).toBe(true);
  visit().areThere(false);
  expect(visit().wereThere).toBe(false);
});

it("does without a store", () => {
  const none = new SourceFilters(() => {
    throw new Error("forbidden");
  });
  none.areThere(true);
  expect(none.wereThere).toBe(false);
});
