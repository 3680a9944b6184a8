/** What stands above the tree and beside the livetail: name, status, figures, layers, totals. */

import { assign, type PageData } from "../../../page";
import { BackendCallsReader } from "../../../run/backend-calls";
import { LayerSpans } from "../../../run/layer-spans";
import type { RunSession } from "../../../run/session";
import { runTimes } from "../../../run/time/extent";
import type { RunSummary } from "../../../service/wire";
import { visible } from "../../../text/visible";
import { bothWays, when } from "../../../text/when";
import { isAlive, runName, serviceText } from "../../run-list";
import { RUN_ICONS } from "../../status";
import type { RunSurroundings } from "../run-surroundings";
import { backendTable } from "./backends";
import { withGoal } from "./field-goals";
import { LayerPlace, layerItems } from "./layers";
import { fields, runLength } from "./run-fields";

/** A session whose snapshot is not here counts as alive: the run may be anything. */
export function isLive(session: RunSession): boolean {
  return session.run === null || isAlive(session.run);
}

const layerSpans = new LayerSpans();
const layerPlace = new LayerPlace();
const backendCalls = new BackendCallsReader();

export function drawRunHead(
  page: PageData,
  session: RunSession,
  surroundings: Pick<RunSurroundings, "limitNano" | "notes">,
  nowUs: number,
): void {
  const { run, store } = session;
  const root = store.tree.roots.find((node) => node.known);
  const rootSpan = root && store.spans.get(root.id);
  if (run) {
    assign(
      page,
      "name",
      run.name || run.operation ? runName(run) : rootSpan?.name ? visible(rootSpan.name) : runName(run),
    );
    assign(page, "status", run.status);
    assign(page, "statusIcon", `#i-${RUN_ICONS[run.status] ?? "pending"}`);
    const service = serviceText({ ...run, service: run.service ?? rootSpan?.service ?? null });
    assign(page, "service", [service, run.environment].filter(Boolean).join(" · "));
    if (run.demo) assign(page, "demo", true);
    const title = `${page.name} · ${run.status} – Spantail`;
    if (document.title !== title) document.title = title;
  }
  const calls = backendCalls.of(store, performance.now());
  const table = backendTable(session.backends, calls, page.onlyBackend);
  const { start, end } = runTimes(run, store);
  assign(page, "started", start ? when(start, nowUs) : "");
  assign(page, "startedTitle", start ? `Started ${bothWays(start, nowUs)}` : "");
  const input = {
    store,
    table,
    marks: session.marks,
    dropped: session.dropped,
    limitNano: surroundings.limitNano,
    start,
    end,
    alive: isLive(session),
    nowUs,
  };
  assign(page, "length", runLength(input));
  assign(page, "fields", session.loaded ? fields(input).map(withGoal) : []);
  assign(page, "layers", layerItems(session.layers, layerSpans.of(store), nowUs));
  const mayGetLayers = !session.loaded || isLive(session);
  assign(page, "hasLayers", layerPlace.keeps(run, session.layers, mayGetLayers, page.operations));
  assign(page, "backends", table.rows);
  assign(page, "backendNotes", surroundings.notes(nowUs));
  assign(page, "backendTotal", table.rows.length > 0 ? [table.total] : []);
}

/** The run as its session knows it, for the list: the session hears of changes more often. */
export function summaryOf(session: RunSession): RunSummary | null {
  const { run, store, backends, loaded } = session;
  if (!loaded || !run || store.spans.size === 0) return null;
  const { nano, unpriced } = backendTable(backends);
  const { start, end } = runTimes(run, store);
  return {
    ...run,
    start,
    end: isAlive(run) ? null : end,
    spans: store.spanCount,
    errors: store.errorCount,
    cost_nano: nano,
    unpriced,
    backends,
  };
}
