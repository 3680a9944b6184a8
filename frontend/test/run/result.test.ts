import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { RunResults } from "../../src/run/run-result";
import { ProblemError } from "../../src/service/api";
import { parseJson } from "../../src/service/json";
import type { RunResult, RunStatus, RunSummary } from "../../src/service/wire";
import { resultParts } from "../../src/views/details/result-parts";

const RUN: RunSummary = { run_id: "4bf92f3577b34da6a3ce929d0e0e4736", status: "completed" };

/** Results whose answers are given one by one, each an error or a status. */
function asked(...answers: (RunStatus | Error)[]) {
  let changes = 0;
  const calls: string[] = [];
  const api = {
    result: async (runId: string): Promise<RunResult> => {
      calls.push(runId);
      const next = answers.shift();
      if (next === undefined || next instanceof Error) throw next ?? new Error("asked too often");
      return { run_id: runId, operation: "job-search", status: next, result: { found: 3 }, error: null };
    },
  };
  const results = new RunResults(api, () => changes++);
  return { results, calls, changes: () => changes };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("asks once for the result of a run that has completed", async () => {
  const { results, calls, changes } = asked("completed");
  results.follow({ ...RUN, status: "running" }, true);
  expect(calls).toEqual([]);
  results.follow(RUN, true);
  results.follow(RUN, true);
  await vi.advanceTimersByTimeAsync(0);
  expect(results.state).toEqual({ phase: "here", result: { found: 3 } });
  expect([calls.length, changes()]).toEqual([1, 1]);
  results.stop();
  expect(results.state).toEqual({ phase: "none" });
});

it("asks for no result of what applications ran, was imported, or did not complete", () => {
  const { results, calls } = asked();
  results.follow(RUN, false);
  results.follow({ ...RUN, imported: true }, true);
  for (const status of ["failed", "cancelled", "abandoned", "queued"] as const)
    results.follow({ ...RUN, status }, true);
  results.follow(null, true);
  expect(calls).toEqual([]);
});

it("asks again while the run's state lags behind its spans", async () => {
  const { results, calls } = asked("running", "completed");
  results.follow(RUN, true);
  await vi.advanceTimersByTimeAsync(999);
  expect([calls.length, results.state.phase]).toEqual([1, "none"]);
  await vi.advanceTimersByTimeAsync(1);
  expect([calls.length, results.state.phase]).toEqual([2, "here"]);
});

it("has nothing to say where there is no result, and says why one could not be loaded", async () => {
  const gone = asked(new ProblemError(404, {}));
  gone.results.follow(RUN, true);
  await vi.advanceTimersByTimeAsync(0);
  expect(gone.results.state).toEqual({ phase: "none" });

  const failed = asked(new TypeError("fetch failed"), "completed");
  failed.results.follow(RUN, true);
  await vi.advanceTimersByTimeAsync(0);
  expect(failed.results.state).toEqual({ phase: "failed", reason: "The service cannot be reached" });
  failed.results.again();
  await vi.advanceTimersByTimeAsync(0);
  expect(failed.results.state.phase).toBe("here");
});

it("forgets an answer that comes for a run that is left", async () => {
  const { results, changes } = asked("completed");
  results.follow(RUN, true);
  results.stop();
  await vi.advanceTimersByTimeAsync(0);
  expect([results.state.phase, changes()]).toEqual(["none", 0]);
});

it("puts texts first, then lists, then values", () => {
  const parts = resultParts({
    found: 2,
    job: { id: "j1", title: "Nurse", company: "Acme", location: null },
    jobs: [{ title: "Nurse", company: "Acme", location: "Berlin", score: 91, reason: "fits" }, { name: "x" }],
    document: "# A\n\nb",
    warnings: [],
    cost: { usd: 0.0012, nano: 1_200_000, answers: 2 },
    sources: { indeed: { status: "skipped", jobs: 0 }, bayt: { status: "ok", jobs: 4, reason: null } },
    deep: [[{ a: [{ b: 1 }] }]],
  });
  expect(parts).toEqual([
    { kind: "text", title: "Document", text: "# A\n\nb" },
    {
      kind: "list",
      title: "Jobs",
      items: [
        { text: "Nurse · Acme · Berlin", score: "91", reason: "fits" },
        { text: "x", score: "", reason: "" },
      ],
    },
    {
      kind: "values",
      title: "",
      values: [
        ["Found", "2"],
        ["Job", "Nurse · Acme"],
        ["Warnings", "none"],
        ["Cost", "$0.0012 for 2 answers"],
      ],
    },
    {
      kind: "values",
      title: "Sources",
      values: [
        ["Indeed", "status skipped · jobs 0"],
        ["Bayt", "status ok · jobs 4"],
      ],
    },
    { kind: "json", title: "Deep", text: expect.stringContaining('"b": 1') },
  ]);
});

it("reads a long line as a text, and checks as lines", () => {
  const parts = resultParts({
    summary: "a".repeat(200),
    checks: [{ rule: "length", valid: true, faults: ["x", "y"] }],
    cost: { usd: null, nano: null, answers: 1 },
    large: parseJson<{ result: { id: bigint } }>('{"result":{"id":9007199254740993}}').result.id,
  });
  expect(parts.map(({ kind }) => kind)).toEqual(["text", "list", "values"]);
  expect(parts[1]).toMatchObject({ items: [{ text: "rule length · valid yes · faults x, y" }] });
  expect(parts[2]).toMatchObject({
    values: [
      ["Cost", "unknown for 1 answer"],
      ["Large", "9007199254740993"],
    ],
  });
});

it("has no parts of an empty result", () => {
  expect(resultParts({})).toEqual([]);
});
