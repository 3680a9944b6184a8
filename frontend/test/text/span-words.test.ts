import { expect, it } from "vitest";
import { RunStore } from "../../src/store";
import { bytes } from "../../src/text/format";
import {
  costAround,
  costSource,
  droppedWords,
  flagWords,
  linkWords,
  lostContent,
  skewWords,
  sourceName,
} from "../../src/text/span-words";
import { backendTable } from "../../src/views/run/head/backends";
import { fields } from "../../src/views/run/head/run-fields";

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";

it("says where a cost comes from", () => {
  const priced = { span_id: "1", cost_source: "calculated" } as const;
  const attributes = { "spantail.cost.price_version": "0.0.37" };
  expect(costSource({ ...priced, attributes })).toBe("calculated by genai-prices 0.0.37");
  const whole = { "spantail.cost.price_version": "genai-prices 0.0.37" };
  expect(costSource({ ...priced, attributes: whole })).toBe("calculated by genai-prices 0.0.37");
  expect(costSource({ ...priced, cost_note: "batch price" })).toBe("calculated by genai-prices: batch price");
  expect(costSource({ span_id: "1", cost_source: "provider" })).toBe("told by the provider");
  const unpriced = { span_id: "1", cost_source: "unpriced" } as const;
  expect(costSource({ ...unpriced, cost_note: "flex tier: no price known" })).toBe(
    "no price: flex tier: no price known",
  );
  expect(costSource(unpriced)).toBe("no price is known for this call");
  expect(costSource({ span_id: "1" })).toBeUndefined();
});

it("tells what a span around calls says of their cost", () => {
  const sent = { "gen_ai.usage.cost.amount": 0.0077, "gen_ai.usage.cost.source": "provider" };
  const around = { span_id: "1", attributes: sent };
  expect(costAround(around)?.value).toBe("$0.0077, told by the provider");
  expect(costAround(around)?.title).toContain("$0.0077");
  expect(costAround({ ...around, cost_source: "provider" })).toBeUndefined();
  const unknown = { "spantail.cost.note": "flex tier: no price known" };
  expect(costAround({ span_id: "1", attributes: unknown })?.value).toBe(
    "no price: flex tier: no price known",
  );
  expect(costAround({ span_id: "1", attributes: { "gen_ai.usage.cost.amount": "NaN" } })).toBeUndefined();
  expect(costAround({ span_id: "1" })).toBeUndefined();
});

it("tells with the run's cost why calls have no price", () => {
  const store = new RunStore();
  const call = {
    run_id: ID,
    ts: 5,
    rev: 1,
    kind: "llm_call",
    status: "ok",
    event: "llm_call_complete",
  } as const;
  const state = {
    ...call,
    start: 1,
    end: 5,
    cost_source: "unpriced",
    cost_note: "flex tier: no price known",
  } as const;
  const run = { run_id: ID, status: "completed" } as const;
  const snapshot = { run, next_index: 0, epoch: "1" };
  store.load({
    ...snapshot,
    spans: [
      { ...state, span_id: "a" },
      { ...state, span_id: "b" },
    ],
  });
  const table = backendTable({ openai: { calls: 2, unpriced: 2 } });
  const input = { store, table, dropped: {}, marks: {}, start: 1, end: 5, alive: false, nowUs: 5 };
  expect(fields(input)[0]).toMatchObject({
    value: "unpriced",
    title: "2 calls without a price\nflex tier: no price known",
  });
  // One of them gets its price after all, then the other.
  const frame = { run_id: ID, status: "completed", first_index: 0, reset: false, epoch: "1" } as const;
  const priced = { ...call, rev: 2, cost_source: "calculated", cost_nano: 7 } as const;
  const logs = [
    { ...priced, seq: 0, span_id: "a" },
    { ...priced, seq: 1, span_id: "b" },
  ];
  store.fold({ ...frame, logs: logs.slice(0, 1), next_index: 1, expected_log_count: null });
  expect([...store.unpricedNotes]).toEqual([["flex tier: no price known", 1]]);
  store.fold({ ...frame, logs: logs.slice(1), next_index: 2, expected_log_count: 2 });
  expect([...store.unpricedNotes]).toEqual([]);
});

it("says what the sender left out", () => {
  expect(droppedWords({ attributes: 12, events: 0, links: 1 })).toBe("12 attributes and 1 link");
  expect(droppedWords({ attributes: 1, events: 2, links: 3 })).toBe("1 attribute, 2 events and 3 links");
  expect(droppedWords({})).toBeUndefined();
  expect(droppedWords(undefined)).toBeUndefined();
});

it("says which content was not kept, and which setting keeps it", () => {
  const setting = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";
  const content = [
    { field: "gen_ai.input.messages", bytes: 11_000, setting, where: "service" } as const,
    { field: "gen_ai.output.messages", bytes: 1_000, setting, where: "service" } as const,
    { field: "tool.arguments", bytes: 5, setting, where: "application" } as const,
    { field: "reasoning" },
  ];
  expect(lostContent(content)).toEqual([
    {
      lost: "gen_ai.input.messages and gen_ai.output.messages, 12 kB, were not kept.",
      setting,
      where: "on the service to keep them.",
    },
    { lost: "tool.arguments, 5 bytes, was not kept.", setting, where: "in the application to keep it." },
    { lost: "reasoning was not kept.", setting: "", where: "on the service to keep it." },
  ]);
});

it("says how clocks differ", () => {
  expect(skewWords(1_200_000)).toBe("about 1.20 s ahead of the root's");
  expect(skewWords(-2_500)).toBe("about 2.5 ms behind the root's");
  expect(skewWords(0)).toBeUndefined();
});

it("names links, also those with odd ids", () => {
  expect(linkWords({ run_id: ID, span_id: "00f067aa0ba902b7" })).toBe("4bf92f35… / 00f067aa0ba902b7");
  expect(linkWords({ odd_ids: { trace_id: "abcd", span_id: "ff" } })).toBe("abcd / ff");
  expect(linkWords({ odd_ids: ["abcd", ""] })).toBe("abcd");
  expect(linkWords({ odd_ids: null })).toBe("no ids");
});

it("says what flags mean", () => {
  expect(flagWords(0)).toBe("0x00");
  expect(flagWords(1)).toBe("0x01 (sampled)");
  expect(flagWords(0x301)).toBe("0x301 (sampled, parent elsewhere)");
});

it("names sources and sizes", () => {
  expect(sourceName({ name: "my.library", version: "1.2" })).toBe("my.library 1.2");
  expect(sourceName({})).toBe("");
  expect([1, 999, 1_000, 12_345, 123_456, 999_999, 12_000_000].map(bytes)).toEqual([
    "1 byte",
    "999 bytes",
    "1 kB",
    "12.3 kB",
    "123 kB",
    "1 MB",
    "12 MB",
  ]);
});
