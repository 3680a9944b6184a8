import { expect, it } from "vitest";
import type { SpanState } from "../src/service/wire";
import type { SessionSummary } from "../src/service/wire-sessions";
import {
  callsOf,
  costText,
  dialogueOf,
  lastText,
  pauseText,
  runsText,
  sessionHref,
  tokensText,
} from "../src/views/sessions/session-words";

const SESSION: SessionSummary = {
  session_id: "tea/time",
  runs: 2,
  open: 1,
  demo: 0,
  first: 1,
  last: 60_000_000,
  spans: 4,
  errors: 0,
  calls: 2,
  unpriced: 0,
  tokens: { input: 412, output: 96 },
  cost_nano: 12_300_000,
  backends: {},
};

function call(id: string, start: number, end: number | null, attributes = {}): SpanState {
  return { span_id: id, kind: "llm_call", status: end === null ? "running" : "ok", start, end, attributes };
}

it("says what a session comes to", () => {
  expect(runsText(SESSION)).toBe("2 runs, 1 going on");
  expect(lastText(SESSION, 120_000_000)).toBe("now");
  expect(lastText({ ...SESSION, open: 0 }, 120_000_000)).toBe("1 m ago");
  expect(tokensText(SESSION)).toBe("412 → 96");
  expect(costText(SESSION)).toBe("$0.0123");
  expect(costText({ ...SESSION, unpriced: 1 })).toBe("$0.0123 +");
  expect(costText({ ...SESSION, cost_nano: 0, unpriced: 1 })).toBe("unpriced");
  expect(costText({ ...SESSION, cost_nano: 0, calls: 0 })).toBe("–");
  expect(sessionHref("tea/time")).toBe("/sessions/tea%2Ftime");
});

it("says how long nothing happened", () => {
  expect(pauseText(1_000_000, 63_400_000)).toBe("1 m 02 s later");
  expect(pauseText(1_000_000, 4_400_000)).toBe("3 s later");
  expect(pauseText(1_000_000, 1_500_000)).toBe("");
  expect(pauseText(null, 5)).toBe("");
});

it("takes the first call for what was asked, the last answered one for the answer", () => {
  const spans = [call("b", 2, 9), call("a", 1, 5), call("c", 3, null), { ...call("d", 0, 20), kind: "tool" }];
  const { first, last } = callsOf(spans);
  expect([first?.span_id, last?.span_id]).toEqual(["a", "b"]);
  expect(callsOf([])).toEqual({ first: undefined, last: undefined });
});

it("shows what was said last by either side", () => {
  const said = (role: string, text: string) => ({ role, parts: [{ type: "text", content: text }] });
  const asked = JSON.stringify([
    said("system", "Be brief"),
    said("user", "Hello"),
    said("assistant", "Hi"),
    said("user", " Tea? "),
  ]);
  const answered = JSON.stringify([said("assistant", "Yes.")]);
  const first = call("a", 1, 2, { "gen_ai.input.messages": asked });
  const last = call("b", 1, 2, { "gen_ai.output.messages": answered });
  expect(dialogueOf(first, last)).toEqual({ asked: "Tea?", answered: "Yes." });
  expect(dialogueOf(call("a", 1, 2), undefined)).toEqual({ asked: "", answered: "" });
});
