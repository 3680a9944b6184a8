import { expect, it } from "vitest";
import { Kept, type Store } from "../../src/browser/kept";
import { address, parse, runRoute } from "../../src/browser/router";
import type { LayerInfo, RunSummary } from "../../src/service/wire";
import { RunStore } from "../../src/store";
import { backendTable } from "../../src/views/run/head/backends";
import { LayerPlace, layerItems } from "../../src/views/run/head/layers";
import { fields, runLength } from "../../src/views/run/head/run-fields";
import { runCost, runItem } from "../../src/views/run-list";
import { costEstimate, impliedWord } from "../../src/views/trace/row-words";

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";

it("reads addresses", () => {
  expect(parse("/", "")).toEqual(runRoute(null));
  expect(parse(`/runs/${ID}`, "?span=00f067aa0ba902b7")).toEqual(runRoute(ID, "00f067aa0ba902b7"));
  expect(parse("/runs/4BF92F35-77b3-4da6-a3ce-929d0e0e4736", "?span=<script>")).toEqual(runRoute(ID));
  expect(address(runRoute(ID, "00f067aa0ba902b7"))).toBe(`/runs/${ID}?span=00f067aa0ba902b7`);
});

it("sums backends in whole nano-dollars", () => {
  const table = backendTable({
    langchain: { calls: 1, unpriced: 1, tokens: { input: 5 } },
    claude_cli: { calls: 2, errors: 1, fallbacks: 1, cost_usd: 0.3, cost_nano: 300_000_001 },
    other: { calls: 1, cost_nano: 2 },
  });
  expect(table.rows.map((row) => row.backend)).toEqual(["claude_cli", "langchain", "other"]);
  expect(table.nano).toBe(300_000_003);
  expect(table.rows[1]?.cost).toBe("unpriced");
  expect(table.total).toMatchObject({ calls: "4", errors: "1", fallbacks: "1", unpriced: "1" });
});

it("tells attempts that were not made from failures", () => {
  const table = backendTable({
    claude_cli: { expected_fallbacks: 3 },
    langchain: { calls: 3, fallbacks: 1, errors: 1, cost_nano: 5 },
  });
  expect(
    table.rows.map(({ calls, errors, fallbacks, skipped, cost }) => [
      calls,
      errors,
      fallbacks,
      skipped,
      cost,
    ]),
  ).toEqual([
    ["0", "–", "–", "3", "–"],
    ["3", "1", "1", "–", "<$0.000001"],
  ]);
  expect(table.rows[0]?.costTitle).toBe("It was not asked");
  expect([table.skipped, table.fallbacks]).toEqual([3, 1]);
});

it("never shows an unpriced run as $0", () => {
  const run: RunSummary = { run_id: ID, status: "completed", cost_nano: 0, unpriced: 2 };
  expect(runCost(run)).toBe("unpriced");
  expect(runCost({ ...run, unpriced: 0 })).toBe("");
  expect(runCost({ ...run, unpriced: 1, cost_nano: 12_300_000 })).toBe("$0.0123 +");
});

it("names a run, whatever is known of it", () => {
  const item = runItem(
    { run_id: ID, status: "failed", start: 0, end: 2_500_000, spans: 1, errors: 2 },
    ID,
    9_000_000,
  );
  expect(item).toMatchObject({
    name: "run 4bf92f35",
    length: "2.50 s",
    errors: "2 errors",
    current: "page",
    meta: "1 span",
  });
});

it("says of a large run about how many spans it has, so that the line has room for the rest", () => {
  const meta = (spans: number) => runItem({ run_id: ID, status: "completed", spans }, null, 0).meta;
  expect([meta(0), meta(9_999), meta(10_001), meta(123_456), meta(1_000_000)]).toEqual([
    "0 spans",
    "9,999 spans",
    "10k spans",
    "123.5k spans",
    "1M spans",
  ]);
});

it("has how many spans run at the end, where nothing else moves as it changes", () => {
  const store = { spanCount: 12, runningCount: 9, errorCount: 0, unpricedNotes: new Map() };
  const marks = { abandoned: 1, stale: true };
  const input = { table: backendTable({}), marks, dropped: {}, start: 0, end: null, alive: true, nowUs: 5 };
  expect(fields({ ...input, store }).at(-1)?.name).toBe("running");
});

it("says what a run has come to", () => {
  const store = new RunStore();
  const input = {
    store,
    table: backendTable({}),
    marks: {},
    dropped: {},
    start: 0,
    end: 1_000_000,
    alive: false,
    nowUs: 5,
  };
  const calm = fields(input);
  expect(
    calm.filter((field) => field.value === "0" && field.name !== "spans").map((field) => field.tone),
  ).toEqual(["quiet", "quiet", "quiet"]);
  expect(fields(input)[0]?.value).toBe("$0");
  expect(fields({ ...input, limitNano: 50_000_000 })[0]?.value).toBe("$0 of $0.05");
  expect(runLength(input)).toBe("1.00 s");
  const lost = fields({ ...input, dropped: { queue_full: 3, refused: 2 } }).at(-1);
  expect([lost?.value, lost?.name, lost?.tone]).toEqual(["5", "lost", "warn"]);
});

it("marks what a dead process leaves behind, and what was corrected", () => {
  const input = { store: new RunStore(), table: backendTable({}), dropped: {}, start: 0, end: 1, nowUs: 5 };
  const marks = { abandoned: 3, corrected: 1, maybe_incomplete: true, stale: true };
  const shown = fields({ ...input, alive: true, marks }).map((field) => `${field.value} ${field.name}`);
  expect(shown.slice(-3)).toEqual(["3 abandoned", "1 corrected", "silent source"]);
  const none = { abandoned: 0, corrected: 0, maybe_incomplete: false, stale: false };
  // Nobody knows what the dead process had not sent yet; else it is said that nothing was lost.
  expect(shown).not.toContain("0 lost");
  expect(fields({ ...input, alive: true, marks: none })).toHaveLength(shown.length - 3 + 1);
  const run: RunSummary = { run_id: ID, status: "abandoned", ...marks };
  expect(runItem(run, null, 5).title).toBe(
    "run 4bf92f35 · abandoned · 3 abandoned · corrected · possibly incomplete · silent source",
  );
});

it("shows layers with what is known of their progress", () => {
  const items = layerItems([
    { name: "fetch", status: "complete", done: 3, total: 3 },
    { name: "rank", status: "pending", done: null, total: null },
  ]);
  expect(items.map((item) => item.progress)).toEqual(["3/3", ""]);
});

it("keeps the place of layers that will come, and of no others", () => {
  const kept = new Map<string, string>();
  const store = () => ({
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, text: string) => void kept.set(key, text),
    removeItem: (key: string) => void kept.delete(key),
  });
  const place = new LayerPlace(new Kept("spantail.layered", store));
  const operations = [
    { name: "job_search", isLayered: true },
    { name: "ask", isLayered: false },
  ];
  const keeps = (name: string, isOpen: boolean, ...layers: LayerInfo[]) =>
    place.keeps({ name: "its name", operation: name }, layers, isOpen, operations);
  expect(keeps("job_search", true)).toBe(true);
  expect(keeps("job_search", false)).toBe(false);
  expect(keeps("ask", true)).toBe(false);
  expect(keeps("another's", true)).toBe(false);
  expect(keeps("another's", false, { name: "fetch", status: "running", done: null, total: null })).toBe(true);
  expect(keeps("another's", true)).toBe(true);
  expect(place.keeps(null, [], true, operations)).toBe(false);
  const later = (at: () => Store) =>
    new LayerPlace(new Kept("spantail.layered", at)).keeps(
      { name: "", operation: "another's" },
      [],
      true,
      [],
    );
  expect(later(store)).toBe(true);
  kept.set("spantail.layered", "{");
  expect(later(store)).toBe(false);
  const none = () => {
    throw new Error("no storage");
  };
  expect(later(none)).toBe(false);
});

it("leaves out an operation word only where a mark and the model say it", () => {
  const call = { kind: "llm_call", backend: "openai", name: "chat gpt-4o", model: "gpt-4o" };
  expect(impliedWord(call)).toBe("chat ");
  expect(impliedWord({ ...call, model: "gpt-4o-2024-08-06" })).toBe("chat ");
  expect(impliedWord({ ...call, name: "chat with a friend" })).toBe("");
  expect(impliedWord({ ...call, name: "gpt-4o" })).toBe("");
  expect(impliedWord({ kind: "llm_call", name: "chat gpt-4o", model: "gpt-4o" })).toBe("");
  expect(impliedWord({ ...call, kind: "span" })).toBe("");
});

it("shows what a call has cost so far only while it runs", () => {
  const attributes = { "spantail.cost.estimate_usd": 0.0012 };
  expect(costEstimate({ status: "running", attributes })).toBe("≈ $0.0012");
  expect(costEstimate({ status: "running", attributes: { "spantail.cost.estimate_usd": 0 } })).toBe("≈ $0");
  expect(costEstimate({ status: "running" })).toBe("");
  expect(costEstimate({ status: "running", attributes: { "spantail.cost.estimate_usd": "0.1" } })).toBe("");
  for (const status of ["ok", "error", "cancelled", "abandoned"] as const)
    expect(costEstimate({ status, attributes })).toBe("");
});
