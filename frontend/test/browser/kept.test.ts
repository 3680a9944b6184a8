import { expect, it } from "vitest";
import { Kept } from "../../src/browser/kept";

it("is there at the next visit", () => {
  const held = new Map<string, string>();
  const store = () => ({
    getItem: (key: string) => held.get(key) ?? null,
    setItem: (key: string, text: string) => void held.set(key, text),
    removeItem: (key: string) => void held.delete(key),
  });
  const visit = () => new Kept("spantail.choice", store);
  expect(visit().text).toBeNull();
  visit().keep("on");
  expect(visit().text).toBe("on");
  expect(new Kept("spantail.other", store).text).toBeNull();
  visit().keep(null);
  expect(visit().text).toBeNull();
});

it("does without a store", () => {
  const none = new Kept("spantail.choice", () => {
    throw new Error("forbidden");
  });
  none.keep("on");
  expect(none.text).toBeNull();
});
