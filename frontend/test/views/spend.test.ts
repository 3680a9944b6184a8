import { expect, it } from "vitest";
import type { SpendAnswer, SpendPart } from "../../src/service/wire-sessions";
import type { Budget } from "../../src/service/wire-work";
import {
  axisAmounts,
  barsOf,
  choiceIn,
  costOf,
  dayLimit,
  limitText,
  queryOf,
  roundUp,
  rowsOf,
  runsOf,
  shortDay,
  shownChoice,
  summedRuns,
  tokensOf,
  unpricedText,
} from "../../src/views/spend/spend-words";

function part(nano: number, more: Partial<SpendPart> = {}): SpendPart {
  return { calls: 1, errors: 0, unpriced: 0, tokens: { input: 1, output: 2 }, cost_nano: nano, ...more };
}

function day(date: string, models: Record<string, SpendPart>, demo: Record<string, SpendPart> = {}) {
  const nano = (parts: Record<string, SpendPart>) =>
    Object.values(parts).reduce((all, one) => all + one.cost_nano, 0);
  const runs = Object.keys(models).length;
  const demos = { runs: Object.keys(demo).length, cost_nano: nano(demo), models: demo };
  return { day: date, runs, cost_nano: nano(models), models, demo: demos };
}

const ANSWER: SpendAnswer = {
  by: "model",
  from: "2026-11-29",
  to: "2026-11-30",
  cost_nano: 60,
  models: { a: part(50, { calls: 2 }), b: part(10, { unpriced: 1 }) },
  demo: { runs: 1, cost_nano: 7, models: { c: part(7) } },
  days: [day("2026-11-29", { a: part(20) }), day("2026-11-30", { a: part(30), b: part(10) }, { c: part(7) })],
};

it("keeps in the address what is asked for, and no more", () => {
  for (const query of ["", "days=7&by=model", "data=demo&part=a+b%26c", "data=spent"])
    expect(queryOf(choiceIn(query))).toBe(query);
  expect(queryOf(choiceIn("days=12&by=colour&data=all"))).toBe("");
});

it("begins with demo data where there is nothing else", () => {
  const days = [day("2026-11-30", {}, { c: part(7) })];
  const demo = (query: string, answer: Pick<SpendAnswer, "days">) =>
    shownChoice(choiceIn(query), answer).demo;
  expect(demo("", { days })).toBe(true);
  expect(demo("data=spent", { days })).toBe(false);
  expect(demo("", ANSWER)).toBe(false);
  expect(demo("data=demo", ANSWER)).toBe(true);
  expect(demo("", { days: [] })).toBe(false);
});

it("has a dash where no call succeeded: nobody knows that it cost nothing", () => {
  const none = part(0, { calls: 2, errors: 2, tokens: { input: 0, output: 0 } });
  expect([costOf(none).text, tokensOf(none)]).toEqual(["–", "–"]);
  expect(costOf({ ...none, errors: 1 }).text).toBe("$0");
  expect(costOf({ ...none, errors: 0, unpriced: 2 })).toEqual({
    text: "unpriced",
    title: "2 calls without a price",
  });
  expect([costOf(part(1_650_000_000, { unpriced: 1 })).text, tokensOf(part(1))]).toEqual([
    "$1.65 +",
    "1 → 2",
  ]);
});

it("lists the dearest first, with its share", () => {
  expect(rowsOf(ANSWER).map(({ name, share }) => [name, share])).toEqual([
    ["a", 50 / 60],
    ["b", 10 / 60],
  ]);
  const same = { cost_nano: 0, backends: { x: part(0), y: part(0, { calls: 3 }) } };
  expect(rowsOf(same).map(({ name, share }) => [name, share])).toEqual([
    ["y", 0],
    ["x", 0],
  ]);
});

it("draws real money or that of demo data, and the share of what is chosen", () => {
  const real = barsOf(ANSWER, choiceIn("by=model&part=a"));
  expect(real.map(({ nano, partNano }) => [nano, partNano])).toEqual([
    [20, 20],
    [40, 30],
  ]);
  expect(barsOf(ANSWER, choiceIn("data=demo")).map(({ nano }) => nano)).toEqual([0, 7]);
});

it("has round amounts on the axis", () => {
  expect([0, 1, 3, 20, 21, 900_000_000].map(roundUp)).toEqual([0, 1, 5, 20, 50, 1_000_000_000]);
  expect(axisAmounts(2e9)).toEqual(["$2", "$1", "$0"]);
  expect(axisAmounts(5e9)).toEqual(["$5.00", "$2.50", "$0"]);
  expect(axisAmounts(2e8)).toEqual(["$0.20", "$0.10", "$0"]);
  expect(axisAmounts(5e7)).toEqual(["$0.050", "$0.025", "$0"]);
  expect(axisAmounts(1e4)).toEqual(["$0.000010", "$0.000005", "$0"]);
  expect(axisAmounts(2e12)).toEqual(["$2,000", "$1,000", "$0"]);
  expect(axisAmounts(1)[0]).toBe("<$0.000001");
  expect(shortDay("2026-11-03")).toBe("3 Nov");
});

it("knows the limit of the day, its own before the usual one", () => {
  const own = { scope: "day:2026-11-30", limit_nano: 5, spent_nano: 0, reserved_nano: 0 } as Budget;
  expect(dayLimit([own], { day: 2 }, "2026-11-30", false)).toEqual({ limitNano: 5, spentNano: 0 });
  expect(dayLimit([own], { day: 2 }, "2026-11-30", true)).toEqual({ limitNano: 2e9, spentNano: 0 });
  expect(dayLimit([{ ...own, limit_nano: null }], { day: 2 }, "2026-11-30", false)).toBeUndefined();
  expect(dayLimit([], {}, "2026-11-30", false)).toBeUndefined();
  expect(limitText({ limitNano: 2e9, spentNano: 5e8 }, 5e8)).toBe("The day's limit is $2.00: $1.50 left.");
  expect(limitText({ limitNano: 2e9, spentNano: 3e9 }, 4e9)).toBe(
    "The day's limit is $2.00: $1.00 over. $1.00 of today's was spent without asking it, and does not count.",
  );
});

it("leads to the runs that a figure was counted in", () => {
  const runs = summedRuns(choiceIn(""), { ...ANSWER, demo: { ...ANSWER.demo, runs: 0 } });
  expect(runsOf("backend", "claude_cli", "failed", runs)).toBe(
    "/?backend=claude_cli&calls=failed&from=1795910400000000",
  );
  const beside = summedRuns(choiceIn(""), ANSWER);
  expect(runsOf("backend", "unknown", "", beside)).toBe("/?backend=unknown&demo=false&from=1795910400000000");
  const demo = summedRuns(choiceIn("data=demo"), ANSWER);
  expect(runsOf("operation", "job search", "fell_back", demo)).toBe(
    "/?operation=job+search&calls=fell_back&demo=true&from=1795910400000000",
  );
  for (const name of ["other", "unknown"]) expect(runsOf("model", name, "failed", runs)).toBe("");
});

it("says what has no price", () => {
  expect(unpricedText(ANSWER)).toBe("1 call had no price: its money is not in the sum.");
  expect(unpricedText(ANSWER.demo)).toBe("");
});
