/** Totals per backend and over all of them. Pure; money is summed as integer nano-USD. */

import type { BackendCalls } from "../../../run/backend-calls";
import { EVERY_RUN, filterQuery } from "../../../runs/run-filter";
import type { BackendTotals } from "../../../service/wire";
import {
  backendName,
  costNano,
  count,
  duration,
  money,
  moneyExact,
  plural,
  tokens,
} from "../../../text/format";
import { markIcon, markOf } from "../../backend-mark";

export interface BackendItem {
  backend: string;
  /** As it is shown. */
  name: string;
  mark: string;
  icon: string;
  calls: string;
  errors: string;
  fallbacks: string;
  /** Attempts that were not made. */
  skipped: string;
  unpriced: string;
  tokens: string;
  cost: string;
  costTitle: string;
  /** The median duration of its calls. */
  median: string;
  medianTitle: string;
  /** Spans to go to; empty where there is none, or the page does not have it. */
  firstFailure: string;
  firstFallback: string;
  /** The list of the runs in which it failed too, or was left; empty where it did neither here. */
  runs: string;
  runsTitle: string;
  /** "true" while the livetail shows this backend alone. */
  pressed: string;
}

export interface BackendTable {
  rows: BackendItem[];
  total: BackendItem;
  nano: number;
  fallbacks: number;
  skipped: number;
  unpriced: number;
  calls: number;
}

interface Sums {
  calls: number;
  errors: number;
  fallbacks: number;
  skipped: number;
  unpriced: number;
  input: number;
  output: number;
  nano: number;
}

function sumsOf(totals: BackendTotals): Sums {
  return {
    calls: totals.calls ?? 0,
    errors: totals.errors ?? 0,
    fallbacks: totals.fallbacks ?? 0,
    skipped: totals.expected_fallbacks ?? 0,
    unpriced: totals.unpriced ?? 0,
    input: totals.tokens?.input ?? 0,
    output: totals.tokens?.output ?? 0,
    nano: costNano(totals) ?? 0,
  };
}

function item(backend: string, sums: Sums, calls?: BackendCalls, pressed = false): BackendItem {
  const none = sums.nano === 0 && sums.unpriced > 0;
  const failed = sums.nano === 0 && !none && sums.calls === sums.errors; // no attempt got so far as to cost anything
  return {
    backend,
    name: backendName(backend),
    mark: markOf({ backend }),
    icon: `#i-${markIcon(markOf({ backend }))}`,
    calls: count(sums.calls),
    errors: sums.errors ? count(sums.errors) : "–",
    fallbacks: sums.fallbacks ? count(sums.fallbacks) : "–",
    skipped: sums.skipped ? count(sums.skipped) : "–",
    unpriced: sums.unpriced ? count(sums.unpriced) : "–",
    tokens: sums.input || sums.output ? `${tokens(sums.input)}→${tokens(sums.output)}` : "–",
    cost: none ? "unpriced" : failed ? "–" : `${money(sums.nano)}${sums.unpriced > 0 ? " +" : ""}`,
    costTitle: none
      ? `${sums.unpriced} without a price`
      : failed
        ? sums.calls === 0
          ? "It was not asked"
          : "No attempt succeeded"
        : moneyExact(sums.nano),
    median: calls?.medianUs === undefined ? "–" : duration(calls.medianUs),
    medianTitle: medianTitle(calls, sums.calls),
    firstFailure: calls?.firstFailure ?? "",
    firstFallback: calls?.firstFallback ?? "",
    runs: runsLike(backend, sums),
    runsTitle: `Runs in which ${backendName(backend)} ${sums.errors > 0 ? "failed" : "was left for another backend"}`,
    pressed: String(pressed),
  };
}

function runsLike(backend: string, { errors, fallbacks }: Sums): string {
  if (errors === 0 && fallbacks === 0) return "";
  return `/${filterQuery({ ...EVERY_RUN, backend, calls: errors > 0 ? "failed" : "fell_back" })}`;
}

function medianTitle(calls: BackendCalls | undefined, all: number): string {
  if (!calls) return "";
  const { answered, running, failed } = calls;
  const rest = running > 0 ? `, ${count(running)} not ended yet` : "";
  if (answered === 0) return `No call was answered${rest}`;
  // Of a very large run the page has a part.
  const here = answered + failed < all ? " on the page" : "";
  return `Half of ${plural(answered, "answered call")}${here} took no longer${rest}`;
}

export function backendTable(
  backends: Readonly<Record<string, BackendTotals>>,
  known: ReadonlyMap<string, BackendCalls> = new Map(),
  only = "",
): BackendTable {
  const all: Sums = {
    calls: 0,
    errors: 0,
    fallbacks: 0,
    skipped: 0,
    unpriced: 0,
    input: 0,
    output: 0,
    nano: 0,
  };
  const rows = Object.entries(backends)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([backend, totals]) => {
      const sums = sumsOf(totals);
      for (const key of Object.keys(all) as (keyof Sums)[]) all[key] += sums[key];
      return item(backend, sums, known.get(backend), backend === only);
    });
  const { nano, fallbacks, skipped, unpriced, calls } = all;
  return { rows, total: item("total", all), nano, fallbacks, skipped, unpriced, calls };
}
