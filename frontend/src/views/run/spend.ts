/** What today's runs cost, for the bar at the top. Pure. */

import type { Spend } from "../../service/wire";
import * as format from "../../text/format";

export interface SpendText {
  value: string;
  title: string;
}

export function spendText(spend: Spend | null): SpendText {
  if (!spend) return { value: "", title: "" };
  const lines = Object.entries(spend.backends)
    .sort(([, a], [, b]) => (b.cost_nano ?? 0) - (a.cost_nano ?? 0))
    .map(([backend, totals]) => {
      const unpriced = totals.unpriced ? `, ${format.count(totals.unpriced)} unpriced` : "";
      const calls = format.plural(totals.calls ?? 0, "call");
      return `${backend}: ${format.moneyExact(totals.cost_nano ?? 0)} (${calls}${unpriced})`;
    });
  const head = `Runs that began on ${spend.to} (UTC)`;
  return { value: spendMoney(spend.cost_nano), title: [head, ...lines].join("\n") };
}

/** Cents are enough for a day, but a small sum must never read as nothing. */
function spendMoney(nano: number): string {
  return nano >= 1_000_000_000 ? `$${format.grouped((nano / 1_000_000_000).toFixed(2))}` : format.money(nano);
}
