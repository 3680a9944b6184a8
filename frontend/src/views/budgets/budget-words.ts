/** Budgets and circuit breakers in words and shares. Pure; money is whole nano-USD. */

import { address, runRoute } from "../../browser/router";
import { seconds } from "../../queue/queue-rows";
import type { Breaker, Budget, BudgetKind, BudgetsAnswer } from "../../service/wire-work";
import { amount, count, plural } from "../../text/format";
import { reasonWords } from "../../text/reasons";

export const KINDS: readonly BudgetKind[] = ["day", "operation", "session", "run"];

export interface Scope {
  readonly kind: string;
  readonly name: string;
  /** The page of what it is about, where there is one. */
  readonly href: string | null;
}

/** "run:4bf9…" → its kind, a name to read, and where it leads. */
export function scopeOf(scope: string): Scope {
  const at = scope.indexOf(":");
  const kind = at < 0 ? "" : scope.slice(0, at);
  const name = at < 0 ? scope : scope.slice(at + 1);
  const isRun = kind === "run" && /^[0-9a-f]{32}$/.test(name);
  if (isRun) return { kind, name: name.slice(0, 8), href: address(runRoute(name)) };
  // Work on demo data has days and operations of its own.
  return { kind, name: name.replace(/:demo$/, ", demo data"), href: null };
}

export interface Shares {
  /** Of the bar's width, 0 … 1; together never more than 1. */
  readonly spent: number;
  readonly reserved: number;
  readonly isOver: boolean;
  /** Nothing is left. */
  readonly isFull: boolean;
}

/** null where there is no limit, and so no whole that these would be parts of. */
export function shares(budget: Budget): Shares | null {
  const { limit_nano: limit, spent_nano: spent, reserved_nano: reserved } = budget;
  if (limit === null) return null;
  const whole = Math.max(limit, spent + reserved, 1);
  const isOver = spent > limit;
  return { spent: spent / whole, reserved: reserved / whole, isOver, isFull: spent + reserved >= limit };
}

export function leftText(budget: Budget): string {
  if (budget.limit_nano === null) return "no limit";
  const left = budget.limit_nano - budget.spent_nano - budget.reserved_nano;
  if (left > 0) return `${amount(left)} left`;
  return left === 0 ? "used up" : `${amount(-left)} over`;
}

export function limitText(budget: Budget): string {
  return budget.limit_nano === null ? "–" : amount(budget.limit_nano);
}

/** The whole account, for the tooltip and for who does not see the bar. */
export function budgetTitle(budget: Budget): string {
  const held = budget.held ? ` by ${plural(budget.held, "call")} under way` : "";
  const limit = budget.limit_nano === null ? "no limit" : `limit ${amount(budget.limit_nano)}`;
  const figures = `${amount(budget.spent_nano)} spent, ${amount(budget.reserved_nano)} reserved${held}, ${limit}`;
  const { kind, name } = scopeOf(budget.scope);
  return `${`${kind} ${name}`.trim()}: ${figures}`;
}

/** A run that nothing limits says on its own page what it spent; here there would be a row of each. */
export function isListed(budget: Budget): boolean {
  return budget.limit_nano !== null || budget.reserved_nano > 0 || scopeOf(budget.scope).kind !== "run";
}

/** Days first, the newest above; of each kind what has a limit before what has none; then by name. */
export function inOrder(budgets: readonly Budget[]): Budget[] {
  const rank = (budget: Budget) => {
    const at = KINDS.indexOf(scopeOf(budget.scope).kind as BudgetKind);
    return at < 0 ? KINDS.length : at;
  };
  const unlimited = (budget: Budget) => (budget.limit_nano === null ? 1 : 0);
  return budgets.slice().sort((a, b) => {
    if (rank(a) !== rank(b)) return rank(a) - rank(b);
    if (rank(a) === 0) return a.scope < b.scope ? 1 : -1;
    return unlimited(a) - unlimited(b) || (a.scope < b.scope ? -1 : 1);
  });
}

/** What holds where nothing was set: "$5.00 a day, $0.10 a run"; empty where nothing does. */
export function defaultsText(defaults: BudgetsAnswer["defaults"]): string {
  return KINDS.flatMap((kind) => {
    const usd = defaults?.[kind];
    return typeof usd === "number"
      ? [`${amount(Math.round(usd * 1e9))} ${kind === "operation" ? "an" : "a"} ${kind}`]
      : [];
  }).join(", ");
}

/** "0.50" or "$0.50" → 0.5; undefined for what is no amount. */
export function parseUsd(text: string): number | undefined {
  const digits = text
    .trim()
    .replace(/^\$\s*/, "")
    .replace(",", ".");
  if (!/^\d+(\.\d*)?$|^\.\d+$/.test(digits)) return undefined;
  const usd = Number(digits);
  return Number.isFinite(usd) ? usd : undefined;
}

function clockTime(us: number): string {
  const date = new Date(us / 1_000);
  return [date.getHours(), date.getMinutes()].map((part) => String(part).padStart(2, "0")).join(":");
}

/** "skipped until 12:04: not installed", "in use", "the next call tries it again: rate limit". */
export function breakerText(breaker: Breaker, nowUs: number): string {
  const missing = breaker.missing_on ?? [];
  if (missing.length > 0 && breaker.state === "closed") return `not installed on ${missing.join(", ")}`;
  const why = breaker.reason ? `: ${reasonWords(breaker.reason)}` : "";
  if (breaker.state === "open") {
    if (!breaker.until) return `skipped${why}`;
    return breaker.until > nowUs
      ? `skipped until ${clockTime(breaker.until)}${why}`
      : `tried again with the next call${why}`;
  }
  if (breaker.state === "half_open") return `one call is trying it${why}`;
  const parts = ["in use"];
  if (breaker.failures > 0) parts.push(`${plural(breaker.failures, "failure")} in a row${why}`);
  return parts.join(", ");
}

export function breakerTitle(breaker: Breaker, nowUs: number): string {
  const since = breaker.opened ? `, skipped for ${seconds(nowUs - breaker.opened)}` : "";
  return `${count(breaker.failures)} failed in a row${since}`;
}
