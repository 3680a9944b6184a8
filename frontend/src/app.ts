/** The page's controller: it keeps address, list and what is on the screen together. */

import { byId } from "./browser/dom";
import { Navigation } from "./browser/navigation";
import { isOutdated } from "./browser/new-build";
import { mayNotify, notify } from "./browser/notify";
import { parse, type Route, runRoute, type Section } from "./browser/router";
import { say } from "./browser/toast";
import { assign, type PageData, updateItem, updateList } from "./page";
import { listenForKeys } from "./page-keys";
import { RunEnds } from "./runs/run-ends";
import { RunSidebar } from "./runs/run-sidebar";
import type { Api } from "./service/api";
import type { RunSummary } from "./service/wire";
import { switchTimes } from "./text/when";
import { summaryOf } from "./views/run/head/run-head";
import { RunMenu } from "./views/run/run-menu";
import { RunView } from "./views/run/run-view";
import { runItem, runItems } from "./views/run-list";
import { SavedViews } from "./views/saved-views";
import type { SectionView } from "./views/section";
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
    (route) => this.follow(route),
    () => this.sidebar.query.slice(1),
  );
  private readonly sections: Readonly<Partial<Record<Section, SectionView>>>;
  private section: SectionView | undefined;
  private route: Route = runRoute(null);
  /** The list is narrowed to what the address says: there is no new place to go back to. */
  private following = false;
  /** The list is asked for. */
  private lists = false;
  /** The list has answered. */
  private listed = false;
  /** The run on the page was in the list when the service did not have it. */
  private goneListed = false;
  private readonly started = new StartedRun();
  /** What is not needed to show what the address asks for was asked for. */
  private hasRest = false;
  private ticks = 0;
  private tickedAtMs = Date.now();
  /** The service did not answer; when it does again, it may be another one. */
  private wasAway = false;

  constructor(page: PageData, api: Api) {
    this.page = page;
    this.api = api;
    this.ends = new RunEnds(api, (run) => this.tellEnd(run));
    this.run = new RunView(page, api, {
      chosen: (runId, spanId) => {
        this.route = runRoute(runId, spanId, this.route.view, this.route.find);
        this.navigation.record(this.route);
      },
      searched: (runId, query) => {
        this.route = runRoute(runId, this.route.spanId, this.route.view, query);
        this.navigation.amend(this.route);
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
        this.goneListed = this.runs.some((run) => run.run_id === runId);
      },
      canStart: (operation) => this.canStart(operation),
    });
    this.dialog = new NewRunDialog(page, api, (runId) => this.goToStarted(runId));
    this.sidebar = new RunSidebar(page, api, {
      changed: () => this.listChanged(),
      failed: (reason) => this.listFailed(reason),
      open: (runId) => this.navigation.go(runRoute(runId)),
      narrowed: (query, isTyping) => {
        this.views.narrowed(query);
        if (this.route.section !== "runs") return;
        if (isTyping || this.following) this.navigation.amend(this.route);
        else this.navigation.record(this.route);
      },
    });
    this.views = new SavedViews((query) => this.sidebar.apply(query));
    this.sections = sections(api, {
      go: (route) => this.navigation.go(route),
      record: (route) => {
        this.route = route;
        this.navigation.record(route);
      },
    });
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
    this.drawList();
    this.run.retime();
    this.section?.tick();
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
    if (session && this.run.isGone) this.openRun({ ...this.route, runId: session.runId });
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

  // What is on the screen

  private follow(route: Route): void {
    this.route = route;
    this.page.listOpen = false;
    this.showSection(route);
    if (route.section !== "runs") return;
    this.following = true;
    this.sidebar.apply(route.list);
    this.following = false;
    if (route.odd !== undefined) {
      this.run.close();
      this.page.runIdShort = route.odd;
      this.page.screen = "odd";
      document.title = "No such run – Spantail";
      this.drawList();
      return;
    }
    const { list, search } = this.sidebar;
    const runId = route.runId ?? (list.outdated ? null : (this.runs[0]?.run_id ?? null));
    if (runId === null) {
      this.run.close();
      this.page.screen =
        this.listed && !list.outdated ? (this.page.filtered ? "unmatched" : "empty") : "loading";
      this.drawList();
      return;
    }
    this.route = { ...route, find: route.runId ? route.find : search };
    if (this.run.session?.runId === runId && !this.run.isGone) this.run.goTo(this.route);
    else this.openRun({ ...this.route, runId });
  }

  private showSection(route: Route): void {
    const { page } = this;
    const view = this.sections[route.section];
    assign(page, "section", route.section);
    if (view === this.section) {
      view?.moved?.(route);
      return;
    }
    this.section?.close();
    this.section = view;
    if (!view) return;
    this.run.close();
    this.drawList();
    page.screen = "section";
    document.title = `${view.title} – Spantail`;
    view.open(route);
  }

  private openRun(route: Route & { runId: string }): void {
    const listed = this.runs.find((run) => run.run_id === route.runId);
    this.run.open(route, listed);
    this.drawList();
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
    this.drawList();
    this.section?.tick();
  }

  /** Of an updated service this is the old page, which may not understand it. */
  private async lookForUpdate(): Promise<void> {
    if (await isOutdated())
      this.page.notice = "The service was updated. Reload this page to get its new version.";
  }

  private wake(): void {
    void this.lookForUpdate();
    this.run.wake();
    this.sidebar.wake();
    this.ends.wake();
    this.section?.wake();
  }

  // The list

  private get runs(): readonly RunSummary[] {
    return this.sidebar.runs;
  }

  private listChanged(): void {
    const { session } = this.run;
    const first = !this.listed;
    this.listed = true;
    if (this.wasAway) void this.lookForUpdate();
    this.wasAway = false;
    assign(this.page, "runsText", "");
    this.run.serviceAnswers();
    this.drawList();
    if (this.runs.length === 0 || this.route.section !== "runs") this.askRest();
    if (this.route.section !== "runs") return;
    if (!session) {
      if (this.route.odd !== undefined) return;
      // On the start page the newest run is shown as soon as there is one.
      const waits = this.page.screen === "empty" || this.page.screen === "unmatched";
      if (first || this.runs.length > 0 || !waits) this.follow(this.route);
      return;
    }
    const listed = this.runs.find((run) => run.run_id === session.runId);
    if (!listed) return;
    session.compare(listed);
    // Its address was known before its first span was here.
    const { state } = session;
    if (state.phase === "gone" && !state.expired && !this.goneListed)
      this.openRun({ ...this.route, runId: session.runId });
  }

  private listFailed(reason: string): void {
    const { page } = this;
    this.wasAway = true;
    assign(page, "runsText", this.listed ? "This list is not up to date." : reason);
    this.run.serviceAnswers(reason);
    if (this.run.session || this.route.section !== "runs" || this.route.odd !== undefined) return;
    page.screen = "offline";
    page.offlineText = reason;
  }

  private drawList(): void {
    const { page } = this;
    const { session } = this.run;
    const open = session && summaryOf(session);
    const runs = this.runs.map((run) => (run.run_id === open?.run_id ? open : run));
    updateList(page, runItems(runs, session?.runId ?? null, this.api.nowUs(), this.sidebar.search));
    if (this.runs.some((run) => run.demo)) assign(page, "demo", true);
  }
}
