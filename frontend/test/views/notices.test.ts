import { expect, it } from "vitest";
import type { NoticeRule } from "../../src/service/wire-work";
import * as words from "../../src/views/notices/notice-words";

const S = 1_000_000;
const NOW = 10_000 * S;

const RULE: NoticeRule = {
  id: "spend",
  kind: "spend_above",
  enabled: true,
  threshold: 10,
  window_s: 3_600,
  webhook: "https://hooks.example.com/…",
  last_sent: NOW - 7_200 * S,
  last_error: null,
  pending: 2,
  dead: 0,
};

it("offers of a rule what it has a value of", () => {
  expect(words.ruleFields(RULE).map(({ name, label }) => [name, label])).toEqual([
    ["threshold", "Sum in USD"],
    ["window_s", "Window in hours"],
  ]);
  expect(words.ruleFields({ ...RULE, threshold: null, window_s: null })).toEqual([]);
});

it("shows times in the largest unit in which they are whole", () => {
  const shown = (window_s: number) => {
    const rule = { ...RULE, window_s };
    const field = words.ruleFields(rule)[1];
    if (!field) throw new Error("no field for the window");
    return `${words.fieldText(field, rule)} ${field.after}`;
  };
  expect([86_400, 3_600, 5_400, 300, 90, 0.5, 0].map(shown)).toEqual([
    "24 h",
    "1 h",
    "90 min",
    "5 min",
    "90 s",
    "0.5 s",
    "0 s",
  ]);
  const [waits, again] = words.ruleFields({ ...RULE, kind: "queue_stuck", threshold: 300 });
  expect(waits).toMatchObject({ label: "Waiting time in minutes", factor: 60 });
  expect(again).toMatchObject({ label: "Time until the next notice in hours", before: "again after" });
  expect(words.fieldValue({ factor: 3_600 }, "0.7")).toBe(2_520);
  expect(words.fieldValue({ factor: 60 }, "soon")).toBeUndefined();
});

it("shows shares in percent", () => {
  const rule = { ...RULE, kind: "fallback_rate", threshold: 0.07 } as const;
  const share = words.ruleFields(rule)[0];
  if (!share) throw new Error("no field for the share");
  expect(`${share.before} ${words.fieldText(share, rule)} ${share.after}`).toBe("from 7 % of the calls");
  expect(words.fieldValue(share, "12.5")).toBe(0.125);
});

it("names a kind that it does not know", () => {
  const rule = { ...RULE, kind: "disk_full" as NoticeRule["kind"] };
  expect(words.ruleTitle(rule)).toBe("disk full");
  expect(words.ruleFields(rule)[0]?.label).toBe("Threshold");
});

it("says where notices go, and what is wrong with that", () => {
  expect(words.deliveryText(RULE, NOW)).toBe(
    "to https://hooks.example.com/… · sent 2 h ago · 2 on their way",
  );
  const nowhere = { ...RULE, webhook: null, last_sent: null, pending: 0 };
  expect(words.deliveryText(nowhere, NOW)).toBe("");
  expect(words.nowhereText([nowhere])).toContain("shown here alone");
  expect(words.nowhereText([nowhere, RULE]) + words.nowhereText([])).toBe("");
  expect(words.deliveryProblem(RULE)).toBe("");
  expect(words.deliveryProblem({ ...RULE, dead: 1, last_error: "HTTP 503" })).toBe("1 given up: HTTP 503");
  expect((["sent", "pending", "dead"] as const).map(words.stateWords)).toEqual([
    "sent",
    "on its way",
    "given up",
  ]);
});

it("takes numbers, and nothing else", () => {
  expect(["0.2", "600", ".5", "0,5"].map(words.parseNumber)).toEqual([0.2, 600, 0.5, 0.5]);
  for (const text of ["", "-1", "1e9", "ten"]) expect(words.parseNumber(text)).toBeUndefined();
});
