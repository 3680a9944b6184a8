import { describe, expect, it } from "vitest";
import * as format from "../../src/text/format";

describe("duration", () => {
  it.each([
    [0, "0 µs"],
    [-5, "0 µs"],
    [412, "412 µs"],
    [12_340, "12.3 ms"],
    [99_949, "99.9 ms"],
    [99_960, "100 ms"],
    [999_499, "999 ms"],
    [999_600, "1.00 s"],
    [1_204_000, "1.20 s"],
    [9_996_000, "10.0 s"],
    [59_960_000, "1 m 00 s"],
    [125_000_000, "2 m 05 s"],
    [3_720_000_000, "1 h 02 m"],
    [90_000_000_000, "1 d 01 h"],
  ])("%i µs reads %s", (us, text) => {
    expect(format.duration(us)).toBe(text);
  });

  it("ticks in tenths", () => {
    expect(format.ticking(4_249_000)).toBe("4.2 s");
    expect(format.ticking(61_000_000)).toBe("1 m 01 s");
  });
});

describe("money", () => {
  it.each([
    [0, "$0"],
    [12_300_000, "$0.0123"],
    [119_400, "$0.0001"],
    [99_000, "$0.000099"],
    [99_960_000, "$0.1000"],
    [12, "<$0.000001"],
    [1_420_000_000, "$1.4200"],
    [1_234_560_000_000, "$1,234.56"],
  ])("%i nano-USD reads %s", (nano, text) => {
    expect(format.money(nano)).toBe(text);
  });

  it("has an exact form with every digit", () => {
    expect(format.moneyExact(12_300_000)).toBe("$0.0123");
    expect(format.moneyExact(1)).toBe("$0.000000001");
    expect(format.moneyExact(2_000_000_000)).toBe("$2.00");
  });

  it("takes the integer, then the double, and never makes up a zero", () => {
    expect(format.costNano({ cost_nano: 7, cost_usd: 1 })).toBe(7);
    expect(format.costNano({ cost_usd: 0.00099 })).toBe(990_000);
    expect(format.costNano({})).toBeUndefined();
  });
});

it("counts, tokens and plurals", () => {
  expect(format.count(1_234_567)).toBe("1,234,567");
  expect(format.tokens(9_999)).toBe("9999");
  expect(format.tokens(12_345)).toBe("12.3k");
  expect(format.tokens(1_000_000)).toBe("1M");
  expect(format.plural(1, "span")).toBe("1 span");
  expect(format.plural(2_000, "span")).toBe("2,000 spans");
});

it("says how long ago", () => {
  const now = 10_000_000_000_000;
  expect(format.ago(now - 1_000_000, now)).toBe("now");
  expect(format.ago(now + 9_000_000, now)).toBe("now");
  expect(format.ago(now - 12_000_000, now)).toBe("12 s ago");
  expect(format.ago(now - 3 * 3_600_000_000, now)).toBe("3 h ago");
});

it("titles backends", () => {
  expect(format.backendTitle("claude_cli")).toBe("Claude CLI");
  expect(format.backendTitle("langchain")).toBe("LangChain");
  expect(format.backendTitle("my-router")).toBe("My Router");
});

it("writes limits and sums as people do", () => {
  const usd = (value: number) => format.amount(Math.round(value * 1e9));
  expect([0, 5, 0.5, 12_345, 1.25004].map(usd)).toEqual(["$0", "$5.00", "$0.50", "$12,345.00", "$1.25"]);
  // What is small is exact: it must never read as nothing.
  expect([0.009, 0.0123, 0.000024, -2].map(usd)).toEqual(["$0.0090", "$0.0123", "$0.000024", "−$2.00"]);
});
