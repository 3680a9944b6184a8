import { expect, it } from "vitest";
import type { RunSummary, SpanState } from "../../src/service/wire";
import { barWords, summaryWords } from "../../src/views/trace/tree-words";

it("says how many spans a tree has, and how many of them are here", () => {
  const spans = new Map<string, SpanState>();
  const run = { spanCount: 1_200, indexed: null, whole: null, spans };
  expect(summaryWords(run)).toBe("1,200 spans");
  expect(summaryWords({ ...run, spanCount: 1 })).toBe("1 span");
  const whole: RunSummary = { run_id: "a", status: "running" };
  expect(summaryWords({ ...run, whole })).toBe("1,200 spans · 0 here");
  expect(summaryWords({ ...run, whole, indexed: 300 })).toBe("1,200 spans · 300 read so far");
});

it("says the figures of a bar, a line each", () => {
  expect(barWords({ begun: 1_500_000, length: 250_000, self: 100_000 }).split("\n")).toEqual([
    "+1.50 s after the start of the run",
    "250 ms",
    "self time 100 ms",
  ]);
  expect(barWords({ begun: 0, length: 250_000, self: undefined })).not.toContain("self");
});
