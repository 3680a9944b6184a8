/** Rules for notices, and notices, in words. Pure. */

import type { Notice, NoticeRule, RuleKind } from "../../service/wire-work";
import { ago, count, dateTime } from "../../text/format";

export interface RuleField {
  readonly name: "threshold" | "window_s";
  readonly label: string;
  readonly before: string;
  readonly after: string;
}

interface RuleWords {
  readonly title: string;
  readonly text: string;
  readonly threshold: Omit<RuleField, "name">;
}

const WINDOW: RuleField = { name: "window_s", label: "Window in seconds", before: "within", after: "s" };

const RULES: Readonly<Record<RuleKind, RuleWords>> = {
  run_failed: {
    title: "A run failed",
    text: "or was abandoned by its process",
    threshold: { label: "Failed runs", before: "from", after: "runs" },
  },
  budget_met: {
    title: "A budget is met",
    text: "of any scope that has a limit",
    threshold: { label: "Share of the limit", before: "from", after: "of the limit" },
  },
  spend_above: {
    title: "Spend is above a sum",
    text: "over all runs",
    threshold: { label: "Sum in USD", before: "$", after: "" },
  },
  fallback_rate: {
    title: "Many calls fall back",
    text: "to another backend than the first",
    threshold: { label: "Share of calls", before: "from", after: "of the calls" },
  },
  queue_stuck: {
    title: "The queue is stuck",
    text: "something waits, and nothing begins",
    threshold: { label: "Waiting time in seconds", before: "for", after: "s" },
  },
};

/** A kind that this page does not know is shown by its name. */
function wordsOf(kind: string): RuleWords {
  const known = (RULES as Readonly<Record<string, RuleWords>>)[kind];
  if (known) return known;
  const title = kind.replaceAll("_", " ");
  return { title, text: "", threshold: { label: "Threshold", before: "from", after: "" } };
}

export function ruleTitle(rule: Pick<NoticeRule, "kind">): string {
  return wordsOf(rule.kind).title;
}

export function ruleText(rule: Pick<NoticeRule, "kind">): string {
  return wordsOf(rule.kind).text;
}

/** What can be set of a rule: what it has a value of. */
export function ruleFields(rule: NoticeRule): RuleField[] {
  const list: RuleField[] = [];
  if (typeof rule.threshold === "number") list.push({ name: "threshold", ...wordsOf(rule.kind).threshold });
  if (typeof rule.window_s === "number") list.push(WINDOW);
  return list;
}

/** "to https://hooks.example.com/… · sent 1 h ago · 2 on their way". */
export function deliveryText(rule: NoticeRule, nowUs: number): string {
  const parts = [rule.webhook ? `to ${rule.webhook}` : "shown here alone: no webhook is set"];
  if (rule.last_sent) parts.push(`sent ${ago(rule.last_sent, nowUs).replace(/^now$/, "just now")}`);
  if (rule.pending) parts.push(`${count(rule.pending)} on their way`);
  return parts.join(" · ");
}

/** What is wrong with the delivery; empty where nothing is. */
export function deliveryProblem(rule: NoticeRule): string {
  const dead = rule.dead ? `${count(rule.dead)} given up` : "";
  return [dead, rule.last_error ?? ""].filter(Boolean).join(": ");
}

const STATES: Readonly<Record<Notice["state"], string>> = {
  sent: "sent",
  pending: "on its way",
  dead: "given up",
  unsent: "shown here",
};

export function stateWords(state: Notice["state"]): string {
  return STATES[state] ?? state;
}

export function timeWords(notice: Notice, nowUs: number): { text: string; title: string } {
  return { text: ago(notice.time, nowUs), title: dateTime(notice.time) };
}

/** A number as it was typed; undefined for what is none, or below zero. */
export function parseNumber(text: string): number | undefined {
  const trimmed = text.trim().replace(",", ".");
  if (!/^\d+(\.\d*)?$|^\.\d+$/.test(trimmed)) return undefined;
  return Number(trimmed);
}
