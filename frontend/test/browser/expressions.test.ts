/** What the shell binds to is a name, or little more; see `src/browser/expressions.ts`. */
import { readFileSync } from "node:fs";
import { expect, it, vi } from "vitest";

// Alpine reads the document when it is imported; what is tested here is beside it.
vi.mock("alpinejs", () => ({ default: {} }));
const { evaluated, expressionOf } = await import("../../src/browser/expressions");

function valueIn(text: string, scope: Record<string, unknown>, ...given: unknown[]): unknown {
  return evaluated(expressionOf(text), scope, given);
}

it("reads names, fields and their opposite, calls functions, and sets what x-model sets", () => {
  const scope: Record<string, unknown> = {
    status: "ok",
    run: { name: "a run", isOpen: false },
    twice(by: number) {
      return [this.status, by];
    },
    __placeholder: "failed",
  };
  expect(valueIn("status", scope)).toBe("ok");
  expect(valueIn("run.name", scope)).toBe("a run");
  expect(valueIn("!run.isOpen", scope)).toBe(true);
  expect(valueIn("twice", scope, 2)).toEqual(["ok", 2]);
  expect(valueIn("nothing", scope)).toBeUndefined();
  expect(valueIn("status = __placeholder", scope)).toBeUndefined();
  expect(scope.status).toBe("failed");
});

it("takes nothing else", () => {
  for (const text of ["a + b", "a()", "a[0]", "a ? b : c", "", "!a = __placeholder", "a = b"])
    expect(() => expressionOf(text), text).toThrow("names alone");
});

it("is enough for every binding of the shell", () => {
  const page = readFileSync(new URL("../../index.html", import.meta.url), "utf8");
  const bound = [...page.matchAll(/\s(x-[a-z]+|@[a-z.]+|:[a-z-]+)="([^"]*)"/g)];
  expect(bound.length).toBeGreaterThan(200);
  for (const [, kind, text = ""] of bound)
    expect(() => expressionOf(kind === "x-for" ? (text.split(" in ")[1] ?? "") : text), text).not.toThrow();
});
