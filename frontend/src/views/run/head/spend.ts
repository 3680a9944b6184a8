/** What today's runs cost, for the bar at the top. Pure. */

import type { BackendTotals, Spend } from "../../../service/wire";
import * as format from "../../../text/format";

export interface SpendText {
  value: string;
  /** Beside it, of runs on demo data, which is not real money: "+ $0.02 demo"; empty where there were none. */
  demo: string;
  title: string;
}

export function spendText(spend: Spend | null): SpendText {
  if (!spend) return { value: "", demo: "", title: "" };
  const head = `Runs that began on ${spend.to} (UTC)`;
  const lines = [head, ...backendLines(spend.backends)];
  const demo = spend.demo?.cost_nano ?? 0;
  if (demo > 0) lines.push("On demo data, not in the sum", ...backendLines(spend.demo?.backends ?? {}));
  const title = lines.join("\n");
  // Who tries it out has nothing else: "$0" first would look like a figure that does not work.
  if (demo > 0 && spend.cost_nano === 0) return { value: format.amount(demo), demo: "on demo data", title };
  return {
    value: format.amount(spend.cost_nano),
    demo: demo > 0 ? `+ ${format.amount(demo)} demo` : "",
    title,
  };
}

function backendLines(backends: Readonly<Record<string, BackendTotals>>): string[] {
  return Object.entries(backends)
    .sort(([, a], [, b]) => (b.cost_nano ?? 0) - (a.cost_nano ?? 0))
    .map(([backend, totals]) => {
      const unpriced = totals.unpriced ? `, ${format.count(totals.unpriced)} unpriced` : "";
      const calls = format.plural(totals.calls ?? 0, "call");
      return `${format.backendName(backend)}: ${format.moneyExact(totals.cost_nano ?? 0)} (${calls}${unpriced})`;
    });
}
