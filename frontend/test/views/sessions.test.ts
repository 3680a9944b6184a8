import { expect, it } from "vitest";
import type { SpanState } from "../../src/service/wire";
import type { SessionAnswer, SessionSummary } from "../../src/service/wire-sessions";
import { SessionPages } from "../../src/views/sessions/session-pages";
import {
  callsOf,
  costText,
  dialogueOf,
  lastText,
  moreText,
  pauseText,
  runsText,
  sessionHref,
  tokensText,
} from "../../src/views/sessions/session-words";

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

it("shows the runs of a session page by page, and asks again only for what may have changed", async () => {
  const runs = Array.from({ length: 7 }, (_, at) => ({ run_id: `r${at}`, status: "completed" as const }));
  const asked: (string | null)[] = [];
  const ask = async (cursor: string | null): Promise<SessionAnswer> => {
    asked.push(cursor);
    const from = Number(cursor ?? 0);
    const next = from + 2 < runs.length ? String(from + 2) : null;
    return { ...SESSION, runs: runs.length, items: runs.slice(from, from + 2), next_cursor: next };
  };
  const pages = new SessionPages();
  const ids = async () => (await pages.read(ask)).items.map(({ run_id }) => run_id).join(" ");
  expect(await ids()).toBe("r0 r1");
  pages.more();
  pages.more();
  expect(await ids()).toBe("r0 r1 r2 r3 r4 r5");
  expect((await pages.read(ask)).next_cursor).toBe("6");
  expect(asked.splice(0)).toEqual([null, null, "2", "4", null]);
  pages.more();
  expect(await ids()).toBe("r0 r1 r2 r3 r4 r5 r6");
  runs.push({ run_id: "r7", status: "completed" });
  expect(await ids()).toBe("r0 r1 r2 r3 r4 r5 r6 r7");
  expect(asked).toEqual([null, "6", null, "6"]);
  expect([moreText(250, 100), moreText(1, 100)]).toEqual(["Next 100 of 250 later runs", "1 later run"]);
});
