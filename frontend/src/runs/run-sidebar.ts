/** The list's side of the page: filter, paging, import, what today cost. Draws no run; the page's controller does. */

import { Kept } from "../browser/kept";
import { rove } from "../browser/roving";
import { assign, type PageData } from "../page";
import { type Api, ProblemError } from "../service/api";
import type { RunStatus, RunSummary } from "../service/wire";
import { count, plural } from "../text/format";
import type { CallsChip } from "../views/calls-chip";
import { spendText } from "../views/run/head/spend";
import { callsSearch, EVERY_CALL, isEveryCall } from "./calls-filter";
import {
  EVERY_RUN,
  filterIn,
  filterQuery,
  isEverything,
  namedChoices,
  RANGE,
  type RunFilter,
  SORTS,
  sortChoices,
  statusChoices,
  timeChoices,
} from "./run-filter";
import { MOST_LISTED, RunList } from "./run-list";

/** Typing is over when nothing came for so long. */
const TYPING_MS = 250;
/** Facets and spend follow the list, but no more often. */
const FIGURES_MS = 3_000;

export interface SidebarListener {
  /** The listed runs, or what is known of them, changed. */
  changed(): void;
  failed(reason: string): void;
  open(runId: string): void;
  /** The list shows other runs, or in another order; `query` says which. */
  narrowed(query: string, isTyping: boolean): void;
}

export class RunSidebar {
  readonly list: RunList;
  private readonly page: PageData;
  private readonly api: Api;
  private readonly listener: SidebarListener;
  /** Whether there were environments or versions to choose from at the last visit. */
  private readonly hadSources = new Kept("spantail.sources");
  private typing: ReturnType<typeof setTimeout> | undefined;
  private figures: ReturnType<typeof setTimeout> | undefined;
  /** What the figures were last asked for: they are asked again when the list says something else. */
  private lastChoices = "";
  private hasFigures = false;
  /** Made when it is first needed. */
  private chip: Promise<CallsChip> | null = null;

  constructor(page: PageData, api: Api, listener: SidebarListener) {
    this.page = page;
    this.api = api;
    this.listener = listener;
    page.awaitsSources = this.hadSources.text !== null;
    this.list = new RunList(api, {
      changed: () => {
        this.draw();
        this.refreshFigures();
        listener.changed();
      },
      failed: (reason) => listener.failed(reason),
    });
  }

  get runs(): RunSummary[] {
    return this.list.runs;
  }

  /** `search` is what the address asks for: a link from elsewhere may lead to some of the runs. */
  narrowTo(search: string): void {
    const filter = filterIn(search);
    this.list.filter = filter;
    this.show(filter);
    this.drawChip();
  }

  /** Takes the list and keeps it up to date. */
  start(): void {
    this.list.follow(document.hidden);
    void this.list.reload();
  }

  /** The whole list is one Tab stop; the menu of a run is beside it, one key to the right. */
  listenForKeys(list: HTMLElement): void {
    const menuOf = (item: HTMLElement) =>
      item.closest(".run-entry")?.querySelector<HTMLElement>(".run-entry-menu");
    rove({
      container: list,
      items: ".run-item",
      first: "[aria-current]",
      entry: ".run-entry",
      axis: "y",
      onKey: (item, key) => {
        if (key === "ArrowLeft") item.focus();
        else if (key === "ArrowRight") menuOf(item)?.focus();
        else if (key === "ContextMenu") menuOf(item)?.click();
        else return false;
        return true;
      },
    });
  }

  /** Narrows the list to what a saved view or an address asks for. */
  apply(search: string): void {
    const filter = filterIn(search);
    if (filterQuery(filter) === this.query) return;
    clearTimeout(this.typing);
    this.show(filter);
    this.take(filter);
  }

  /** What the list is narrowed to, as an address. */
  get query(): string {
    return filterQuery(this.list.filter);
  }

  /** What the runs of the list are searched for, where they were chosen by their calls. */
  get search(): string {
    return callsSearch(this.list.filter);
  }

  wake(): void {
    if (!document.hidden) this.list.follow(false);
    void this.list.reload();
  }

  /** The controls have changed; text waits until the typing is over. */
  narrow(now: boolean): void {
    clearTimeout(this.typing);
    if (!now) {
      this.typing = setTimeout(() => this.narrow(true), TYPING_MS);
      return;
    }
    const { page } = this;
    const { from, to, backend, model, calls, demo } = this.list.filter;
    const isRange = page.filterTime === RANGE;
    this.take({
      backend,
      model,
      calls,
      demo,
      text: page.filterText,
      status: page.filterStatus as RunStatus | "",
      operation: page.filterOperation,
      environment: page.filterEnvironment,
      version: page.filterVersion,
      pinned: page.filterPinned,
      from: isRange ? from : page.filterTime,
      to: isRange ? to : "",
      sort: SORTS.find((sort) => sort === page.filterSort) ?? "start",
    });
  }

  clear(): void {
    const all = { ...EVERY_RUN, sort: this.list.filter.sort };
    this.show(all);
    this.take(all);
  }

  private take(filter: RunFilter): void {
    const before = this.list.filter;
    if (JSON.stringify(filter) === JSON.stringify(before)) return;
    const isTyping = JSON.stringify({ ...before, text: "" }) === JSON.stringify({ ...filter, text: "" });
    this.page.filtered = !isEverything(filter);
    this.list.narrow(filter);
    this.drawChip();
    assign(this.page, "timeChoices", timeChoices(filter));
    this.listener.narrowed(filterQuery(filter), isTyping);
  }

  private drawChip(): void {
    if (this.chip === null && isEveryCall(this.list.filter)) return;
    this.chip ??= import("../views/calls-chip").then(({ CallsChip }) => {
      const above = document.querySelector(".run-filter") ?? document.body;
      return new CallsChip(above, () => {
        const filter = { ...this.list.filter, ...EVERY_CALL };
        this.take(filter);
      });
    });
    void this.chip.then((chip) => chip.draw(this.list.filter));
  }

  private show(filter: RunFilter): void {
    assign(this.page, "timeChoices", timeChoices(filter));
    assign(this.page, "sortChoices", sortChoices());
    const isRange = filter.to !== "" || /^\d+$/.test(filter.from);
    Object.assign(this.page, {
      filterText: filter.text,
      filterStatus: filter.status,
      filterOperation: filter.operation,
      filterEnvironment: filter.environment,
      filterVersion: filter.version,
      filterPinned: filter.pinned,
      filterTime: isRange ? RANGE : filter.from,
      filterSort: filter.sort,
      filtered: !isEverything(filter),
    });
  }

  async importRun(file: File): Promise<void> {
    this.page.importText = `Importing ${file.name}…`;
    try {
      const { runs, rejected, reason } = await this.api.importFile(file);
      const [first] = runs;
      if (first === undefined) throw new ProblemError(400, { detail: reason || "The file holds no run." });
      this.page.importText = rejected > 0 ? `${plural(rejected, "span")} could not be taken. ${reason}` : "";
      this.listener.open(first);
    } catch (error) {
      const why = error instanceof ProblemError ? error.message : "The service cannot be reached.";
      this.page.importText = `${file.name} was not imported. ${why}`;
    }
  }

  private draw(): void {
    const { list, page } = this;
    const older = list.loading ? "Loading…" : list.filter.sort === "start" ? "Older runs" : "Further runs";
    const { sort } = list.filter;
    const first = sort === "start" ? `The newest ${MOST_LISTED}` : `The first ${MOST_LISTED}`;
    const full = `${first} are listed. Narrow the filter to see others.`;
    const of = list.sortedOf;
    const sorted = of === undefined ? "" : `In this order: the newest ${count(of)} runs.`;
    assign(page, "sortedText", sorted || lookedText(list.lookedAt));
    assign(page, "olderText", list.isFull ? full : list.hasOlder ? older : "");
  }

  /** Asks for sums and choices, and goes on to. */
  showFigures(): void {
    this.hasFigures = true;
    this.refreshFigures();
  }

  private refreshFigures(): void {
    if (!this.hasFigures) return;
    const choices = JSON.stringify(
      this.runs.slice(0, 100).map((run) => [run.run_id, run.status, run.cost_nano]),
    );
    if (choices === this.lastChoices || this.figures !== undefined) return;
    const first = this.lastChoices === "";
    this.lastChoices = choices;
    // The sums are a second behind the runs.
    this.figures = setTimeout(() => void this.askFigures(), first ? 0 : FIGURES_MS);
  }

  private async askFigures(): Promise<void> {
    try {
      const [spend, facets] = await Promise.all([this.api.spendToday(), this.api.facets()]);
      const { value, demo, title } = spendText(spend);
      assign(this.page, "spend", value);
      assign(this.page, "spendDemo", demo);
      assign(this.page, "spendTitle", title);
      const { page } = this;
      assign(page, "statusChoices", statusChoices(facets, page.filterStatus));
      assign(page, "operationChoices", namedChoices(facets.operations, page.filterOperation));
      assign(page, "environmentChoices", namedChoices(facets.environments, page.filterEnvironment));
      assign(page, "versionChoices", namedChoices(facets.versions, page.filterVersion));
      const hasSources = page.environmentChoices.length + page.versionChoices.length > 0;
      this.hadSources.keep(hasSources ? "1" : null);
      assign(page, "awaitsSources", false);
    } catch {
      // The list itself says that the service is away.
    } finally {
      this.figures = undefined;
      this.refreshFigures();
    }
  }
}

/** No index knows what became of the calls of a run: each is looked at, so many at once. */
function lookedText(lookedAt: number | undefined): string {
  if (lookedAt === undefined) return "";
  return lookedAt > 0
    ? `Looked through the newest ${count(lookedAt)} runs.`
    : "Older runs were not looked through.";
}
