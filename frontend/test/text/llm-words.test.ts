import { describe, expect, it } from "vitest";
import { callLines, firstChunkUs, speedWords, streamWords } from "../../src/text/llm-words";

const CALL = {
  span_id: "1",
  kind: "llm_call",
  status: "ok" as const,
  start: 0,
  end: 2_300_000,
  model: "gpt-5",
  tokens: { input: 1_240, output: 84, cache_read: 1_024, reasoning: 40 },
  cost_nano: 2_310_000,
  cost_source: "calculated" as const,
  cost_note: "usual tier",
  attributes: {
    "gen_ai.response.time_to_first_chunk": 0.3,
    "spantail.cost.price_version": "genai-prices 1.2",
  },
};

describe("a call in words", () => {
  it("says what it came to, and where that comes from", () => {
    expect(callLines(CALL)).toEqual([
      ["Model", "gpt-5"],
      ["Cost", "$0.00231"],
      ["Cost source", "calculated by genai-prices 1.2: usual tier"],
      ["Tokens", "1,240 in, 84 out, 1,024 read from cache, 40 reasoning"],
      ["First chunk", "after 300 ms"],
      ["Speed", "42 tokens/s"],
    ]);
  });

  it("leaves out what is not known", () => {
    expect(callLines({ span_id: "1" })).toEqual([]);
    expect(firstChunkUs({ attributes: { "gen_ai.response.time_to_first_chunk": -1 } })).toBeUndefined();
    expect(speedWords({ ...CALL, end: null })).toBeUndefined();
    expect(speedWords({ ...CALL, end: 300_000 })).toBeUndefined();
  });

  it("tells what a stream has come to so far", () => {
    const attributes = { "spantail.stream.chunks": 12, "spantail.cost.estimate_usd": 0.0012 };
    expect(streamWords({ status: "running", attributes })).toBe("12 chunks, ≈ $0.0012 so far");
    expect(streamWords({ status: "ok", attributes })).toBeUndefined();
    expect(streamWords({ status: "running" })).toBeUndefined();
  });
});
