/** What was spent, as rows and bars. Pure; money is whole nano-USD. */

import { address, runRoute } from "../../browser/router";
import type { CallsFilter } from "../../runs/calls-filter";
import { EVERY_RUN, filterQuery } from "../../runs/run-filter";
import {
  SPEND_BY,
  type SpendAnswer,
  type SpendBy,
  type SpendPart,
  type SpendParts,
} from "../../service/wire-sessions";
import type { Budget } from "../../service/wire-work";
import { amount, grouped, money, moneyExact, plural, tokens } from "../../text/format";

export const PERIODS = [7, 30, 90, 365] as const;

/** What the page is asked to show, as it stands in its address. */
export interface SpendChoice {
  readonly days: number;
  readonly by: SpendBy;
  /** Money that runs on demo data would have cost, instead of what was spent. */
  readonly demo: boolean;
  /** One of the two was asked for by name. */
  readonly named: boolean;
  /** The backend, model or operation whose share is shown; empty for none. */
  readonly part: string;
}

export function choiceIn(query: string): SpendChoice {
  const asked = new URLSearchParams(query);
  const days = PERIODS.find((each) => String(each) === asked.get("days")) ?? 30;
  const by = SPEND_BY.find((each) => each === asked.get("by")) ?? "backend";
  const data = asked.get("data");
  const named = data === "demo" || data === "spent";
  return { days, by, demo: data === "demo", named, part: asked.get("part") ?? "" };
}

export function queryOf(choice: SpendChoice): string {
  const query = new URLSearchParams();
  if (choice.days !== 30) query.set("days", String(choice.days));
  if (choice.by !== "backend") query.set("by", choice.by);
  if (choice.named) query.set("data", choice.demo ? "demo" : "spent");
  if (choice.part) query.set("part", choice.part);
  return query.toString();
}

/** Where nothing but demo data was worked on, that is what there is to see, unless the other was asked for by name. */
export function shownChoice(choice: SpendChoice, { days }: Pick<SpendAnswer, "days">): SpendChoice {
  const isDemo = days.every((day) => day.runs === 0) && days.some((day) => day.demo.runs > 0);
  return choice.named ? choice : { ...choice, demo: isDemo };
}

export interface PartRow {
  readonly name: string;
  readonly part: SpendPart;
  /** Of the whole, 0 … 1. */
  readonly share: number;
}

export function partsOf(sums: SpendParts): Record<string, SpendPart> {
  return sums.backends ?? sums.models ?? sums.operations ?? {};
}

/** The dearest first; of equal cost the one with more calls. */
export function rowsOf(sums: SpendParts): PartRow[] {
  return Object.entries(partsOf(sums))
    .map(([name, part]) => ({ name, part, share: sums.cost_nano > 0 ? part.cost_nano / sums.cost_nano : 0 }))
    .sort(
      (a, b) =>
        b.part.cost_nano - a.part.cost_nano || b.part.calls - a.part.calls || (a.name < b.name ? -1 : 1),
    );
}

/** Sums of what has no name of its own: no run can be looked for by them. */
const NAMELESS: Readonly<Record<SpendBy, readonly string[]>> = {
  backend: ["other"],
  model: ["other", "unknown"],
  operation: ["other", "unknown"],
};

/** Which runs the sums are of: since a day, and on what data where there is both. */
export interface SummedRuns extends Pick<CallsFilter, "demo"> {
  readonly first: string;
}

export function summedRuns(
  choice: SpendChoice,
  { from, demo }: Pick<SpendAnswer, "from" | "demo">,
): SummedRuns {
  return { first: from, demo: choice.demo ? "true" : demo.runs > 0 ? "false" : "" };
}

/** Where those of them are listed that a part of the sums is of, by what became of their calls. */
export function runsOf(
  by: SpendBy,
  name: string,
  calls: CallsFilter["calls"],
  { first, demo }: SummedRuns,
): string {
  if (NAMELESS[by].includes(name)) return "";
  const from = String(Date.parse(`${first}T00:00:00Z`) * 1_000);
  const list = filterQuery({ ...EVERY_RUN, [by]: name, calls, demo, from }).slice(1);
  return address({ ...runRoute(null), list });
}

export interface DayBar {
  readonly day: string;
  readonly nano: number;
  /** What the chosen part adds to it. */
  readonly partNano: number;
  readonly runs: number;
  readonly calls: number;
  readonly unpriced: number;
}

export function barsOf(answer: SpendAnswer, choice: SpendChoice): DayBar[] {
  return answer.days.map((day) => {
    const sums = choice.demo ? day.demo : day;
    const parts = partsOf(sums);
    const all = Object.values(parts);
    return {
      day: day.day,
      nano: sums.cost_nano,
      partNano: choice.part ? (parts[choice.part]?.cost_nano ?? 0) : 0,
      runs: sums.runs,
      calls: all.reduce((sum, part) => sum + part.calls, 0),
      unpriced: all.reduce((sum, part) => sum + part.unpriced, 0),
    };
  });
}

/** The next round amount at or above: 1, 2 or 5 times a power of ten; what no bar reaches stays blank above it. */
export function roundUp(nano: number): number {
  if (nano <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(nano));
  const step = [1, 2, 5, 10].find((each) => each * power >= nano) ?? 10;
  return Math.round(step * power);
}

/**
 * The marks of an axis from its top down: "$5.00", "$2.50", "$0". All have as many decimals as the one that needs most,
 * cents where it needs any.
 */
export function axisAmounts(top: number): readonly string[] {
  const needed =
    (top / 2e9)
      .toFixed(9)
      .replace(/\.?0+$/, "")
      .split(".")[1]?.length ?? 0;
  const decimals = needed === 0 ? 0 : Math.min(6, Math.max(2, needed));
  return [top, top / 2, 0].map((nano) =>
    nano < 1_000 ? money(nano) : `$${grouped((nano / 1e9).toFixed(decimals))}`,
  );
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** "2026-11-30" → "30 Nov". */
export function shortDay(day: string): string {
  const [, month = "", date = ""] = day.split("-");
  return `${Number(date)} ${MONTHS[Number(month) - 1] ?? ""}`.trim();
}

export interface DayLimit {
  readonly limitNano: number;
  /** On the day's account: what went by without asking the budget is not on it. */
  readonly spentNano: number;
}

/** The limit of a day, as the budgets have it: its own, else the one that holds for each day. Undefined: none. */
export function dayLimit(
  budgets: readonly Budget[],
  defaults: Readonly<Partial<Record<string, number | null>>> | undefined,
  day: string,
  demo: boolean,
): DayLimit | undefined {
  const own = budgets.find(({ scope }) => scope === `day:${day}${demo ? ":demo" : ""}`);
  if (own)
    return own.limit_nano === null ? undefined : { limitNano: own.limit_nano, spentNano: own.spent_nano };
  const usual = defaults?.day;
  return typeof usual === "number" ? { limitNano: Math.round(usual * 1e9), spentNano: 0 } : undefined;
}

/** "The day's limit is $1.20: $0.40 left. $0.10 was spent without asking it, and does not count." */
export function limitText(limit: DayLimit | undefined, todayNano: number): string {
  if (limit === undefined) return "";
  const { limitNano, spentNano } = limit;
  const left = limitNano - spentNano;
  const rest = left > 0 ? `${amount(left)} left` : left === 0 ? "used up" : `${amount(-left)} over`;
  const beside = todayNano - spentNano;
  const apart =
    beside > 0 ? ` ${amount(beside)} of today's was spent without asking it, and does not count.` : "";
  return `The day's limit is ${amount(limitNano)}: ${rest}.${apart}`;
}

/** "3 calls had no price: their money is not in the sum". */
export function tokensOf({ tokens: { input, output } }: SpendPart): string {
  return input || output ? `${tokens(input)} → ${tokens(output)}` : "–";
}

/** What a part came to. Of calls that all failed nothing is known, as in the table of a run's backends. */
export function costOf({ calls, errors, unpriced, cost_nano: nano }: SpendPart): {
  text: string;
  title: string;
} {
  if (nano === 0 && calls > 0 && calls === errors) return { text: "–", title: "No call succeeded" };
  const without = unpriced > 0 ? `${plural(unpriced, "call")} without a price` : "";
  if (nano === 0 && without) return { text: "unpriced", title: without };
  const title = [moneyExact(nano), without].filter(Boolean).join(", ");
  return { text: `${amount(nano)}${without && " +"}`, title };
}

export function unpricedText(sums: SpendParts): string {
  const unpriced = Object.values(partsOf(sums)).reduce((total, part) => total + part.unpriced, 0);
  if (unpriced === 0) return "";
  return `${plural(unpriced, "call")} had no price: ${unpriced === 1 ? "its" : "their"} money is not in the sum.`;
}
