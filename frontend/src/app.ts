/** The page's controller: its parts, what they ask of each other, and what its buttons do. */

import { byId } from "./browser/dom";
import { Navigation } from "./browser/navigation";
import { mayNotify, notify } from "./browser/notify";
import { parse, runRoute } from "./browser/router";
import { say } from "./browser/toast";
import { type PageData, updateItem } from "./page";
import { listenForKeys } from "./page-keys";
import { RunEnds } from "./runs/run-ends";
import { RunSidebar } from "./runs/run-sidebar";
import { Screen } from "./screen";
import type { Api } from "./service/api";
import type { RunSummary } from "./service/wire";
import { switchTimes } from "./text/when";
import { RunMenu } from "./views/run/run-menu";
import { RunView } from "./views/run/run-view";
import { runItem } from "./views/run-list";
import { SavedViews } from "./views/saved-views";
import { sections } from "./views/sections";
import { NewRunDialog } from "./views/start/new-run";
import { StartedRun } from "./views/start/started-run";

/** The duration in the header ticks in tenths of a second. */
const TICK_MS = 100;
/** Whole seconds are enough for the list. */
const LIST_TICKS = 10;
/** What is around a run is asked for at the latest then, whether or not it has come. */
const REST_MS = 1_000;
/** Ticks that stay out for so long: the machine was asleep. */
const SLEPT_MS = 10_000;

export class App {
  readonly sidebar: RunSidebar;
  private readonly ends: RunEnds;
  private readonly views: SavedViews;
  private readonly page: PageData;
  private readonly api: Api;
  private readonly run: RunView;
  private readonly dialog: NewRunDialog;
  private readonly menu: RunMenu;
  private readonly navigation = new Navigation(
    (route) => this.screen.follow(route),
    () => this.sidebar.query.slice(1),
  );
  private readonly screen: Screen;
  /** The list is asked for. */
  private lists = false;
  private readonly started = new StartedRun();
  /** What is not needed to show what the address asks for was asked for. */
  private hasRest = false;
  private ticks = 0;
  private tickedAtMs = Date.now();

  constructor(page: PageData, api: Api) {
    this.page = page;
    this.api = api;
    this.ends = new RunEnds(api, (run) => this.tellEnd(run));
    this.run = new RunView(page, api, {
      chosen: (runId, spanId) => {
        const { view, find } = this.screen.route;
        this.navigation.record(this.screen.stayAt(runRoute(runId, spanId, view, find)));
      },
      searched: (runId, query) => {
        const { spanId, view } = this.screen.route;
        this.navigation.amend(this.screen.stayAt(runRoute(runId, spanId, view, query)));
      },
      ended: (runId) => this.ends.heard(runId),
      shown: () => {
        this.askRest();
        this.started.greet(this.run.session?.runId, page, () => this.focusRun());
      },
      summarised: (summary) =>
        updateItem(page.runs, runItem(summary, summary.run_id, api.nowUs(), this.sidebar.search)),
      gone: (runId) => {
        this.list();
        this.screen.runIsGone(runId);
      },
      canStart: (operation) => this.canStart(operation),
    });
    this.dialog = new NewRunDialog(page, api, (runId) => this.goToStarted(runId));
    this.sidebar = new RunSidebar(page, api, {
      changed: () => this.screen.listChanged(),
      failed: (reason) => this.screen.listFailed(reason),
      open: (runId) => this.navigation.go(runRoute(runId)),
      narrowed: (query, isTyping) => {
        this.views.narrowed(query);
        const { route, isFollowing } = this.screen;
        if (route.section !== "runs") return;
        if (isTyping || isFollowing) this.navigation.amend(route);
        else this.navigation.record(route);
      },
    });
    this.views = new SavedViews((query) => this.sidebar.apply(query));
    const shown = sections(api, {
      go: (route) => this.navigation.go(route),
      record: (route) => this.navigation.record(this.screen.stayAt(route)),
    });
    this.screen = new Screen({ page, api, run: this.run, sidebar: this.sidebar, sections: shown }, () =>
      this.askRest(),
    );
    this.menu = new RunMenu(api, {
      wantsToken: () => page.login,
      isAwaited: (runId) => this.ends.has(runId),
      waitFor: (runId) => void this.waitFor(runId),
      canStart: (operation) => this.canStart(operation),
      deleted: (runId) => this.leaveDeleted(runId),
      started: (runId) => this.goToStarted(runId),
    });
  }

  start(): void {
    this.page.endpoint = `${location.origin}/v1/traces`;
    this.page.origin = location.origin;
    this.page.runLine = `spantail run --url ${location.origin} -- python app.py`;
    this.page.doctor = `spantail doctor --url ${location.origin}`;
    this.sidebar.listenForKeys(byId("run-list"));
    listenForKeys({
      page: this.page,
      run: this.run,
      api: this.api,
      runs: () => this.runs,
      go: (route) => this.navigation.go(route),
      newRun: (operation) => this.newRun(operation),
      isAwaited: (runId) => this.ends.has(runId),
      waitFor: (runId) => void this.waitFor(runId),
      switchTimes: () => this.switchTimes(),
    });
    addEventListener("online", () => this.wake());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.sidebar.list.follow(true);
      else this.wake();
    });
    setInterval(() => this.tick(), TICK_MS);
    setTimeout(() => this.askRest(), REST_MS);
    const { section, runId, list } = parse(location.pathname, location.search);
    this.sidebar.narrowTo(list);
    // Of the service's answers the first is what the address asks for.
    if (section !== "runs" || runId === null) this.list();
    this.views.narrowed(this.sidebar.query);
    this.navigation.start();
  }

  /** The service answers one after another: what the address asks for comes first. */
  private askRest(): void {
    if (this.hasRest) return;
    this.hasRest = true;
    this.list();
    void this.dialog.load();
    this.sidebar.showFigures();
  }

  private list(): void {
    if (this.lists) return;
    this.lists = true;
    this.sidebar.start();
  }

  /** Times relative or by the clock, everywhere. */
  switchTimes(): void {
    switchTimes();
    this.screen.drawList();
    this.run.retime();
    this.screen.section?.tick();
  }

  newRun(operation?: string): void {
    this.askRest();
    this.dialog.open(operation);
  }

  /** Starts an operation of the demo, with its own example as input. */
  async startDemo(): Promise<void> {
    this.page.demoProblem = await this.dialog.startDemo();
  }

  private goToStarted(runId: string): void {
    this.started.expect(runId);
    this.navigation.go(runRoute(runId));
    void this.sidebar.list.reload();
  }

  /** Opens the menu of a listed run, or of the one on the page. */
  openMenu(opener: HTMLElement): void {
    const { session } = this.run;
    const runId = opener.dataset.menuOf ?? session?.runId;
    const run = this.runs.find((one) => one.run_id === runId) ?? session?.run;
    if (run && run.run_id === runId) this.menu.toggle(run, opener);
  }

  /** Goes where a figure above the run leads. */
  goTo(goal: string): void {
    if (goal === "tail") this.page.pane = "tail";
    else this.page.pane = "trace";
    this.run.reach(goal);
  }

  focusRun(): void {
    this.page.pane = "trace";
    this.run.focus();
  }

  showResult(): void {
    this.run.showResult();
  }

  goToSpan(spanId: string): void {
    this.run.goToSpan(spanId);
  }

  narrowTo(backend: string): void {
    this.run.narrowTo(backend);
  }

  retry(): void {
    this.wake();
    const { session } = this.run;
    if (session && this.run.isGone) this.screen.openRun(session.runId);
  }

  private async waitFor(runId: string): Promise<void> {
    if (!this.ends.has(runId) && !(await mayNotify())) say("The browser does not allow this page to notify");
    else if (this.ends.toggle(runId))
      say("You are notified when the run ends, while this page is open in the background");
    else say("You are not notified of this run's end");
  }

  /** To who looks elsewhere by the browser, to who looks at another run by a word; the run itself shows it. */
  private tellEnd(run: RunSummary): void {
    const { name, status, length, cost, errors } = runItem(run, null, this.api.nowUs());
    const title = `${name} · ${status}`;
    if (document.hidden)
      notify({
        title,
        text: [length, cost, errors].filter(Boolean).join(" · "),
        tag: run.run_id,
        opened: () => this.navigation.go(runRoute(run.run_id)),
      });
    else if (this.run.session?.runId !== run.run_id) say(title);
  }

  private canStart(operation: string): boolean {
    return this.page.operations.some(({ name }) => name === operation);
  }

  private leaveDeleted(runId: string): void {
    this.sidebar.list.forget(runId);
    if (this.run.session?.runId !== runId) return;
    this.run.close();
    this.navigation.go(runRoute(this.runs[0]?.run_id ?? null));
  }

  private tick(): void {
    const sleptMs = Date.now() - this.tickedAtMs;
    this.tickedAtMs = Date.now();
    if (document.hidden) return;
    if (sleptMs > SLEPT_MS) this.wake();
    this.ticks++;
    const second = this.ticks % LIST_TICKS === 0;
    this.run.tick(second);
    if (!second) return;
    this.screen.drawList();
    this.screen.section?.tick();
  }

  private wake(): void {
    this.screen.wake();
    this.run.wake();
    this.sidebar.wake();
    this.ends.wake();
  }

  private get runs(): readonly RunSummary[] {
    return this.sidebar.runs;
  }
}
