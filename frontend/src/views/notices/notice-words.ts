/** Rules for notices, and notices, in words. Pure. */

import type { Notice, NoticeRule, RuleKind } from "../../service/wire-work";
import { count } from "../../text/format";
import { bothWays, since, when } from "../../text/when";

export interface RuleField {
  readonly name: "threshold" | "window_s";
  readonly label: string;
  readonly before: string;
  readonly after: string;
  /** What one of the field's unit is in the rule's own: 3,600 where hours are shown of seconds. */
  readonly factor: number;
}

interface RuleWords {
  readonly title: string;
  readonly text: string;
  readonly threshold: Omit<RuleField, "name" | "factor"> & { readonly factor?: number };
}

/** How far a rule looks back, and the least time between two of its notices. */
const WINDOW = { name: "window_s", label: "Window", before: "within", after: "" } as const;
/** Of a rule that does not look back. */
const AGAIN = {
  name: "window_s",
  label: "Time until the next notice",
  before: "again after",
  after: "",
} as const;

/** The largest first: a day's window reads as 24 h, not as 86400 s. */
const UNITS = [
  [3_600, "h", "hours"],
  [60, "min", "minutes"],
  [1, "s", "seconds"],
] as const;

/** A share of 0.5 reads as 50 %. */
const PERCENT = 0.01;

const RULES: Readonly<Record<RuleKind, RuleWords>> = {
  run_failed: {
    title: "A run failed",
    text: "or was abandoned by its process",
    threshold: { label: "Failed runs", before: "from", after: "runs" },
  },
  budget_met: {
    title: "A budget is met",
    text: "of any scope that has a limit",
    threshold: {
      label: "Share of the limit in percent",
      before: "from",
      after: "% of the limit",
      factor: PERCENT,
    },
  },
  spend_above: {
    title: "Spend is above a sum",
    text: "over all runs",
    threshold: { label: "Sum in USD", before: "$", after: "" },
  },
  fallback_rate: {
    title: "Many calls fall back",
    text: "to another backend than the first",
    threshold: {
      label: "Share of calls in percent",
      before: "from",
      after: "% of the calls",
      factor: PERCENT,
    },
  },
  queue_stuck: {
    title: "The queue is stuck",
    text: "something waits, and nothing begins",
    threshold: { label: "Waiting time", before: "for", after: "" },
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
  const { threshold, window_s: windowS, kind } = rule;
  if (typeof threshold === "number") {
    const field = { name: "threshold", factor: 1, ...wordsOf(kind).threshold } as const;
    list.push(kind === "queue_stuck" ? inUnit(field, threshold) : field);
  }
  if (typeof windowS === "number") {
    const field = kind === "queue_stuck" ? AGAIN : WINDOW;
    list.push(inUnit({ ...field, factor: 1 }, windowS));
  }
  return list;
}

/** A time in the largest unit in which it is a whole number. */
function inUnit(field: RuleField, seconds: number): RuleField {
  const whole = UNITS.find(([factor]) => seconds >= factor && seconds % factor === 0);
  const [factor, after, unit] = whole ?? [1, "s", "seconds"];
  return { ...field, label: `${field.label} in ${unit}`, after, factor };
}

/** What a field shows of its rule. */
export function fieldText({ name, factor }: Pick<RuleField, "name" | "factor">, rule: NoticeRule): string {
  const value = rule[name];
  return typeof value === "number" ? String(exact(value / factor)) : "";
}

/** The value of a rule that was typed into a field; undefined for what is no number. */
export function fieldValue({ factor }: Pick<RuleField, "factor">, text: string): number | undefined {
  const value = parseNumber(text);
  return value === undefined ? undefined : exact(value * factor);
}

/** Without the last digits of binary fractions: 0.7 h are 2,520 s. */
function exact(value: number): number {
  return Number(value.toPrecision(12));
}

/** "to https://hooks.example.com/… · sent 1 h ago · 2 on their way"; empty where notices go nowhere. */
export function deliveryText(rule: NoticeRule, nowUs: number): string {
  const parts = rule.webhook ? [`to ${rule.webhook}`] : [];
  if (rule.last_sent) parts.push(`sent ${since(rule.last_sent, nowUs)}`);
  if (rule.pending) parts.push(`${count(rule.pending)} on their way`);
  return parts.join(" · ");
}

/** Once for all rules, where it is the same for each. */
export function nowhereText(rules: readonly NoticeRule[]): string {
  if (rules.length === 0 || rules.some(({ webhook }) => webhook)) return "";
  return "Notices are shown here alone: no webhook is set (SPANTAIL_NOTICE_WEBHOOK_URL).";
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
  return { text: when(notice.time, nowUs), title: bothWays(notice.time, nowUs) };
}

/** A number as it was typed; undefined for what is none, or below zero. */
export function parseNumber(text: string): number | undefined {
  const trimmed = text.trim().replace(",", ".");
  if (!/^\d+(\.\d*)?$|^\.\d+$/.test(trimmed)) return undefined;
  return Number(trimmed);
}
