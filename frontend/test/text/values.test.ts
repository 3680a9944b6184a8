import { expect, it } from "vitest";
import { parseJson, writeJson } from "../../src/service/json";
import { attributeNote } from "../../src/text/span-words";
import { shown, typeWords } from "../../src/text/values";

it("shows numbers that JSON has no form for as the numbers they are", () => {
  expect(shown("NaN", "double")).toBeNaN();
  expect(shown("-Infinity", "double")).toBe(Number.NEGATIVE_INFINITY);
  expect(writeJson(shown("Infinity", "double"))).toBe("Infinity");
  expect(shown("NaN", undefined)).toBe("NaN");
  const list = shown([1.5, "NaN", { deep: ["-Infinity", "NaN"] }], {
    1: "double",
    2: { deep: { 0: "double" } },
  });
  expect(writeJson(list)).toBe('[1.5,NaN,{"deep":[-Infinity,"NaN"]}]');
});

it("shows bytes as the text they are, else as size and base64", () => {
  expect(shown("Z3LDvMOfZQ==", "bytes")).toBe("grüße");
  expect(shown("//4=", "bytes")).toBe("2 bytes: //4=");
  expect(shown("AAE=", "bytes")).toBe("2 bytes: AAE=");
  expect(shown("", "bytes")).toBe("");
  expect(shown("no base64!", "bytes")).toBe("no base64!");
});

it("leaves a value alone that is not of its declared type", () => {
  expect(shown("warm", "double")).toBe("warm");
  expect(shown(5, "bytes")).toBe(5);
  expect(shown("x", { 0: "double" })).toBe("x");
  expect(shown(["NaN"], "double")).toEqual(["NaN"]);
  expect(shown(null, { a: "double" })).toBeNull();
  expect(shown({ constructor: "NaN" }, {})).toEqual({ constructor: "NaN" });
});

it("says of what type a value was", () => {
  expect(typeWords("bytes")).toBe("Sent as bytes");
  expect(typeWords({ 0: "double", 3: { a: "bytes" } })).toBe("Sent with double and bytes in it");
  expect(typeWords(undefined)).toBeUndefined();
});

it("keeps large numbers that were sent under a derived name", () => {
  const span = parseJson<{ sent: Record<string, unknown> }>('{"sent":{"n":9007199254740993}}');
  expect(span.sent.n).toBe(9007199254740993n);
});

it("says which attributes are not as they were sent", () => {
  const beside = { changed: ["a"], derived: ["b", "c"], sent: { c: 10 } };
  expect(attributeNote("a", beside)?.[0]).toBe("changed");
  expect(attributeNote("b", beside)).toEqual(["added", "Not sent: added from what the other attributes say"]);
  expect(attributeNote("c", beside)?.[1]).toContain("Sent as 10;");
  expect(attributeNote("d", beside)).toBeUndefined();
});
