import { expect, it } from "vitest";
import type { Breaker, Budget } from "../../src/service/wire-work";
import { reasonWords } from "../../src/text/reasons";
import * as words from "../../src/views/budgets/budget-words";

const NANO = 1_000_000_000;
const S = 1_000_000;
const RUN = "0af7651916cd43dd8448eb211c80319c";

function budget(limit: number | null, spent: number, reserved = 0, scope = "day:2026-11-30"): Budget {
  return { scope, limit_nano: limit, spent_nano: spent, reserved_nano: reserved };
}

it("reads a scope", () => {
  expect(words.scopeOf(`run:${RUN}`)).toEqual({ kind: "run", name: "0af76519", href: `/runs/${RUN}` });
  expect(words.scopeOf("run:../../x")).toEqual({ kind: "run", name: "../../x", href: null });
  expect(words.scopeOf("session:a:b")).toEqual({ kind: "session", name: "a:b", href: null });
  expect(words.scopeOf("day:2026-11-30:demo").name).toBe("2026-11-30, demo data");
  expect(words.scopeOf("odd")).toEqual({ kind: "", name: "odd", href: null });
});

it("draws parts of the limit that never exceed the bar", () => {
  expect(words.shares(budget(4 * NANO, NANO, NANO))).toEqual({
    spent: 0.25,
    reserved: 0.25,
    isOver: false,
    isFull: false,
  });
  expect(words.shares(budget(NANO, 3 * NANO, NANO))).toEqual({
    spent: 0.75,
    reserved: 0.25,
    isOver: true,
    isFull: true,
  });
  expect(words.shares(budget(0, 0))).toEqual({ spent: 0, reserved: 0, isOver: false, isFull: true });
  expect(words.shares(budget(null, NANO))).toBeNull();
});

it("says what is left in words, never by the bar alone", () => {
  expect(words.leftText(budget(5 * NANO, 3 * NANO, NANO))).toBe("$1.00 left");
  expect(words.leftText(budget(NANO, NANO))).toBe("used up");
  expect(words.leftText(budget(NANO, NANO + 4_000_000))).toBe("$0.0040 over");
  expect(words.leftText(budget(null, NANO))).toBe("no limit");
  expect(words.budgetTitle({ ...budget(NANO, 0, 5_000_000), held: 2 })).toBe(
    "day 2026-11-30: $0 spent, $0.0050 reserved by 2 calls under way, limit $1.00",
  );
  expect(words.defaultsText({ run: 0.1, day: 5, operation: null })).toBe("$5.00 a day, $0.10 a run");
  expect(words.defaultsText(undefined)).toBe("");
});

it("orders days first, the newest above", () => {
  const scopes = ["run:b", "day:2026-11-29", "operation:a", "other:x", "day:2026-11-30", "run:a"];
  expect(words.inOrder(scopes.map((scope) => budget(1, 0, 0, scope))).map(({ scope }) => scope)).toEqual([
    "day:2026-11-30",
    "day:2026-11-29",
    "operation:a",
    "run:a",
    "run:b",
    "other:x",
  ]);
});

it("puts what has a limit first, and lists no run that has none", () => {
  const list = [
    budget(null, 5, 0, "operation:a"),
    budget(9, 0, 0, "operation:b"),
    budget(null, 7, 0, "run:c"),
    budget(null, 7, 1, "run:d"),
    budget(9, 7, 0, "run:e"),
  ];
  expect(words.inOrder(list.filter(words.isListed)).map(({ scope }) => scope)).toEqual([
    "operation:b",
    "operation:a",
    "run:e",
    "run:d",
  ]);
});

it("takes amounts as people write them, and nothing else", () => {
  expect(["5", "$0.50", " .5 ", "0,25", "$ 3."].map(words.parseUsd)).toEqual([5, 0.5, 0.5, 0.25, 3]);
  for (const text of ["", "$", ".", "-1", "1e3", "5 USD", "1,000.50", "NaN"])
    expect(words.parseUsd(text)).toBeUndefined();
});

it("says of a breaker what happens to the next call", () => {
  const until = new Date(2026, 10, 30, 12, 4).getTime() * 1_000;
  const breaker: Breaker = {
    backend: "claude_cli",
    model: "haiku",
    state: "open",
    failures: 1,
    reason: "not_installed",
    opened: until - 300 * S,
    until,
  };
  expect(words.breakerText(breaker, until - S)).toBe("skipped until 12:04: not installed");
  expect(words.breakerText(breaker, until + S)).toBe("tried again with the next call: not installed");
  expect(words.breakerText({ ...breaker, until: null, reason: null }, until)).toBe("skipped");
  expect(words.breakerText({ ...breaker, state: "half_open", reason: "rate_limited" }, until)).toBe(
    "one call is trying it: rate limited",
  );
  expect(words.breakerText({ ...breaker, state: "closed", reason: null }, until)).toBe(
    "in use, 1 failure in a row",
  );
  expect(words.breakerText({ ...breaker, state: "closed", failures: 0, reason: null }, until)).toBe("in use");
  expect(words.breakerText({ ...breaker, state: "closed", missing_on: ["a", "b"] }, until)).toBe(
    "not installed on a, b",
  );
  expect(words.breakerTitle(breaker, until)).toBe("1 failed in a row, skipped for 5 m 00 s");
  expect(["some_new_reason", "budget", "HTTP 503"].map(reasonWords)).toEqual([
    "some new reason",
    "over budget",
    "HTTP 503",
  ]);
});
