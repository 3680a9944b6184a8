import { describe, expect, it } from "vitest";
import {
  family,
  label,
  matches,
  progressText,
  spanName,
  summary,
  tokensText,
  tone,
} from "../../../src/run/tail/events";
import type { TailEvent } from "../../../src/service/wire";

function event(name: string, rest: Partial<TailEvent> = {}): TailEvent {
  return { seq: 0, ts: 0, event: name, ...rest };
}

it("knows the families, and has a place for the others", () => {
  const names = [
    "operation_start",
    "pipeline_error",
    "layer_skip",
    "phase_start",
    "subphase_complete",
    "llm_call_fallback",
    "log",
    "decision_point",
    "cv_struct_x",
  ];
  expect(names.map(family)).toEqual([
    "pipeline",
    "pipeline",
    "layer",
    "phase",
    "subphase",
    "llm_call",
    "log",
    "decision",
    "other",
  ]);
});

it("tells tones", () => {
  expect(tone(event("llm_call_error"))).toBe("bad");
  expect(tone(event("llm_call_fallback"))).toBe("warn");
  expect(tone(event("llm_call_fallback", { fallback_reason: "not_installed" }))).toBe("plain");
  expect(tone(event("llm_call_fallback", { attributes: { "spantail.fallback.reason": "timeout" } }))).toBe(
    "warn",
  );
  expect(tone(event("log", { level: "ERROR" }))).toBe("bad");
  expect(tone(event("log", { level: "warning" }))).toBe("warn");
  expect(tone(event("whatever"))).toBe("plain");
  expect(tone(event("llm_call_complete", { status: "error" }))).toBe("bad");
  expect(label(event("llm_call_complete", { status: "error" }))).toBe(label(event("llm_call_error")));
});

describe("summary", () => {
  it.each<[TailEvent, string]>([
    [event("log", { message: "two\nlines" }), "two lines"],
    [event("llm_call_error", { error: { type: "RateLimited", message: "later" } }), "RateLimited: later"],
    [
      event("llm_call_fallback", {
        attributes: {
          "spantail.fallback.from": "a",
          "spantail.fallback.to": "b",
          "spantail.fallback.reason": "slow",
        },
      }),
      "a → b: slow",
    ],
    [event("layer_update", { progress: { done: 3, total: 12, message: "scoring" } }), "3/12 scoring"],
    [
      event("llm_call_complete", {
        status: "ok",
        start: 0,
        end: 1_204_000,
        tokens: { input: 412, output: 96 },
      }),
      "1.20 s · 412→96",
    ],
    [
      event("decision_point", { attributes: { decision: "keep", score: 0.1 + 0.2 } }),
      "decision=keep score=0.3",
    ],
  ])("%#", (given, text) => {
    expect(summary(given)).toBe(text);
  });
});

it("never makes up a number", () => {
  expect(tokensText({ output: 4 })).toBe("–→4");
  expect(tokensText({})).toBeUndefined();
  expect(progressText({ done: null, message: "warming up" })).toBe("warming up");
  expect(progressText(undefined)).toBeUndefined();
});

it("filters by every word, wherever it stands", () => {
  const error = event("llm_call_error", { backend: "claude_cli", error: { message: "rate limited" } });
  expect(matches(error, "RATE claude", "score job 1")).toBe(true);
  expect(matches(error, "job error", "score job 1")).toBe(true);
  expect(matches(error, "rate langchain", "")).toBe(false);
  expect(matches(error, "  ", "")).toBe(true);
  expect(label(event("log", { level: "WARNING" }))).toBe("log warning");
});

it("calls a span as its row does, where the page knows it", () => {
  const attributes = { "http.request.method": "GET", "url.full": "https://api.example.com/v1/items?key=1" };
  const span = { span_id: "1", name: "GET", kind: "span", attributes };
  const ended = { span_id: "1", name: "GET", kind: "span", target: "api.example.com/v1/items" };
  const start = event("span_start", { name: "GET" });
  for (const known of [span, ended]) {
    expect(spanName(start, known)).toBe("GET api.example.com/v1/items");
    expect(spanName(event("log"), known)).toBe("GET api.example.com/v1/items");
    expect(matches(start, "get items", spanName(start, known))).toBe(true);
  }
  expect(spanName(start, undefined)).toBe("GET");
  expect(spanName(event("log", { name: "a logger's" }), undefined)).toBe("");
  // By the name that was sent it is still found.
  expect(matches(event("span_start", { name: "HTTP GET" }), "http", "GET api.example.com")).toBe(true);
});

it("says what an update brings", () => {
  const update = { seq: 1, ts: 0, event: "llm_call_update", span_id: "00f067aa0ba902b7" };
  const said = (attributes: TailEvent["attributes"]) => summary({ ...update, attributes } as TailEvent);
  expect(said({ "spantail.stream.chunks": 12, "spantail.cost.estimate_usd": 0.0012 })).toBe(
    "12 chunks · ≈ $0.0012",
  );
  expect(said({ "app.step": "b", "app.left": 3 })).toBe("changed: app.step, app.left");
  expect(said({})).toBe("");
});

it("finds a span by the beginning of its id, and not by a part of it", () => {
  const event = { seq: 1, ts: 0, event: "span_complete", span_id: "00f067aa0ba902b7" } as TailEvent;
  expect(matches(event, "00f067aa0ba902b7", "")).toBe(true);
  expect(matches(event, "00F067AA", "")).toBe(true);
  expect(matches(event, "ba9", "")).toBe(false);
  expect(matches(event, "67aa0ba902b7", "")).toBe(false);
});

it("names a log record that is an event, and an error that is a status of HTTP", () => {
  const named = { "event.name": "gen_ai.user.message" };
  expect(summary(event("log", { message: '{"content":"Tea?"}', attributes: named }))).toBe(
    'gen_ai.user.message {"content":"Tea?"}',
  );
  expect(summary(event("log", { message: "Tea?", attributes: named }))).toBe("Tea?");
  expect(summary(event("span_error", { status: "error", error: { type: "500" } }))).toBe(
    "HTTP 500 Internal Server Error",
  );
});
