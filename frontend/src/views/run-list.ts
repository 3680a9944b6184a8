/** The list of runs as the page shows it. Pure: wire shapes in, texts out. */

import { address, runRoute } from "../browser/router";
import type { RunSummary } from "../service/wire";
import * as format from "../text/format";
import { visible } from "../text/visible";
import { bothWays, when } from "../text/when";
import { RUN_ICONS } from "./status";

/** Spans of a run from which on the list says about how many there are. */
const SHORT_FROM = 10_000;

export interface RunItem {
  id: string;
  href: string;
  name: string;
  title: string;
  status: string;
  icon: string;
  length: string;
  when: string;
  whenTitle: string;
  meta: string;
  cost: string;
  errors: string;
  current: "page" | null;
  demo: boolean;
  pinned: boolean;
  menuLabel: string;
}

export function runName(run: RunSummary): string {
  return visible(run.name?.trim() || run.operation || "") || `run ${run.run_id.slice(0, 8)}`;
}

export function isAlive(run: Pick<RunSummary, "status">): boolean {
  return run.status === "running" || run.status === "queued";
}

/** Total of a run; "unpriced" when no call had a price, empty when no call was made. */
export function runCost(run: RunSummary): string {
  const nano = format.costNano(run);
  const unpriced = run.unpriced ?? 0;
  if (nano) return `${format.money(nano)}${unpriced > 0 ? " +" : ""}`;
  if (unpriced > 0) return "unpriced";
  const called = Object.values(run.backends ?? {}).some((backend) => (backend.calls ?? 0) > 0);
  return called && nano === 0 ? "$0" : "";
}

function markWords(run: RunSummary): string[] {
  const words: string[] = [];
  if (run.abandoned) words.push(`${format.count(run.abandoned)} abandoned`);
  if (run.corrected) words.push("corrected");
  if (run.maybe_incomplete) words.push("possibly incomplete");
  if (run.imported) words.push("imported");
  if (run.stale) words.push("silent source");
  return words;
}

/** "checkout 1.4.2". */
export function serviceText(run: Pick<RunSummary, "service" | "version">): string {
  return [run.service, run.version].filter(Boolean).join(" ");
}

/** `search`: what its link has the run searched for. */
export function runItem(run: RunSummary, currentId: string | null, nowUs: number, search = ""): RunItem {
  const start = run.start ?? undefined;
  const end = run.end ?? (isAlive(run) ? nowUs : undefined);
  let length = "";
  if (start !== undefined && end !== undefined) {
    length = isAlive(run) ? format.ticking(end - start).replace(/\.\d s$/, " s") : format.length(end - start);
  }
  const errors = run.errors ?? 0;
  return {
    id: run.run_id,
    href: address(runRoute(run.run_id, null, "timeline", search)),
    name: runName(run),
    title: [runName(run), run.operation, serviceText(run), run.environment, run.status, ...markWords(run)]
      .filter(Boolean)
      .join(" · "),
    status: run.status,
    icon: `#i-${RUN_ICONS[run.status] ?? "pending"}`,
    length,
    when: start === undefined ? "" : when(start, nowUs),
    whenTitle: start === undefined ? "" : `Started ${bothWays(start, nowUs)}`,
    meta: spansText(run.spans ?? 0),
    cost: runCost(run),
    errors: errors > 0 ? format.plural(errors, "error") : "",
    current: run.run_id === currentId ? "page" : null,
    demo: run.demo === true,
    pinned: run.pinned === true,
    menuLabel: `Actions for ${runName(run)}`,
  };
}

/** So short that it is whole beside errors, cost and age; the run itself says it exactly. */
function spansText(spans: number): string {
  return spans < SHORT_FROM ? format.plural(spans, "span") : `${format.shortCount(spans)} spans`;
}

export function runItems(
  runs: readonly RunSummary[],
  currentId: string | null,
  nowUs: number,
  search = "",
): RunItem[] {
  return runs.map((run) => runItem(run, currentId, nowUs, search));
}
