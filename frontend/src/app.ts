/** The page's controller: it keeps address and run together and decides what is drawn when. */

import { byId } from "./browser/dom";
import { DrawSchedule } from "./browser/draw-schedule";
import { Navigation } from "./browser/navigation";
import { type Route, runRoute, type Section } from "./browser/router";
import type { ConnectionState } from "./connection/connection";
import { RunConnection } from "./connection/follow";
import { poll } from "./connection/poll";
import { serverSentEvents } from "./connection/sse";
import { webSocket } from "./connection/websocket";
import { assign, type PageData, updateItem, updateList } from "./page";
import { RunSession } from "./run/session";
import { RunSidebar } from "./runs/run-sidebar";
import { type Api, ProblemError } from "./service/api";
import type { RunSummary } from "./service/wire";
import { BudgetsPage } from "./views/budgets/budgets-page";
import { SpanDetailsView } from "./views/details/span-details";
import { LivetailView } from "./views/livetail";
import { NoticesPage } from "./views/notices/notices-page";
import { QueuePage } from "./views/queue/queue-page";
import { ConnectionBadge } from "./views/run/connection-badge";
import { QueueWait } from "./views/run/queue-wait";
import { drawRunHead, isLive, summaryOf } from "./views/run/run-head";
import { RunMenu } from "./views/run/run-menu";
import { runItem, runItems } from "./views/run-list";
import type { SectionView } from "./views/section";
import { NewRunDialog } from "./views/start/new-run";
import { words } from "./views/start/schema-form";
import { TraceTreeView } from "./views/trace/trace-tree";

/** The duration in the header ticks in tenths of a second. */
const TICK_MS = 100;
/** Whole seconds are enough for the list. */
const LIST_TICKS = 10;

export class App {
  readonly sidebar: RunSidebar;
  private readonly page: PageData;
  private readonly api: Api;
  private readonly runSection = byId("run");
  private readonly badge: ConnectionBadge;
  private readonly tree: TraceTreeView;
  private readonly tail: LivetailView;
  private readonly details: SpanDetailsView;
  private readonly dialog: NewRunDialog;
  private readonly menu: RunMenu;
  private readonly wait: QueueWait;
  private readonly navigation = new Navigation((route) => this.follow(route));
  private readonly schedule = new DrawSchedule(() => this.draw());
  private readonly sections: Readonly<Partial<Record<Section, SectionView>>>;
  private section: SectionView | undefined;
  private route: Route = runRoute(null);
  private session: RunSession | null = null;
  /** The session was drawn: its section is on the screen. */
  private opened = false;
  /** The list has answered. */
  private listed = false;
  /** The run of the session was in the list when the service did not have it. */
  private goneListed = false;
  private ticks = 0;

  constructor(page: PageData, api: Api) {
    this.page = page;
    this.api = api;
    const now = () => api.nowUs();
    this.badge = new ConnectionBadge(page);
    this.tree = new TraceTreeView({ select: (id) => this.select(id), now });
    this.details = new SpanDetailsView(api, now, () => {
      this.select(null);
      this.tree.focus();
    });
    this.tail = new LivetailView({
      select: (id) => {
        this.select(id);
        this.tree.show(id);
      },
      earlier: () => {
        if (this.session?.hasEarlier) void this.session.loadHistory();
      },
    });
    this.dialog = new NewRunDialog(page, api, (runId) => {
      this.navigation.go(runRoute(runId));
      void this.sidebar.list.reload();
    });
    this.sidebar = new RunSidebar(page, api, {
      changed: () => this.listChanged(),
      failed: (reason) => this.listFailed(reason),
      open: (runId) => this.navigation.go(runRoute(runId)),
    });
    this.sections = {
      queue: new QueuePage(api),
      budgets: new BudgetsPage(api),
      notices: new NoticesPage(api),
    };
    this.wait = new QueueWait(api);
    this.menu = new RunMenu(api, {
      canStart: (operation) => page.operations.some(({ name }) => name === operation),
      deleted: (runId) => this.leaveDeleted(runId),
      started: (runId) => this.navigation.go(runRoute(runId)),
    });
  }

  start(): void {
    this.page.endpoint = `${location.origin}/v1/traces`;
    this.page.doctor = `spantail doctor --url ${location.origin}`;
    addEventListener("online", () => this.wake());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.sidebar.list.follow(true);
      else this.wake();
    });
    setInterval(() => this.tick(), TICK_MS);
    void this.dialog.load();
    this.sidebar.start();
    this.navigation.start();
  }

  newRun(operation?: string): void {
    this.dialog.open(operation);
  }

  /** Opens the menu of a listed run, or of the one on the page. */
  openMenu(opener: HTMLElement): void {
    const runId = opener.dataset.menuOf ?? this.session?.runId;
    const run = this.runs.find((one) => one.run_id === runId) ?? this.session?.run;
    if (run && run.run_id === runId) this.menu.toggle(run, opener);
  }

  retry(): void {
    this.wake();
    if (this.session?.state.phase === "gone") this.openRun(this.session.runId, this.route.spanId);
  }

  // Addresses

  private follow(route: Route): void {
    this.route = route;
    this.page.listOpen = false;
    this.showSection(route.section);
    if (route.section !== "runs") return;
    const { session } = this;
    const runId = route.runId ?? this.runs[0]?.run_id ?? null;
    if (runId === null) {
      this.closeRun();
      this.page.screen = this.listed ? (this.page.filtered ? "unmatched" : "empty") : "loading";
      this.drawList();
    } else if (session?.runId === runId && session.state.phase !== "gone") {
      this.showSpan(session, route.spanId);
      if (route.spanId) this.tree.show(route.spanId);
    } else this.openRun(runId, route.spanId);
  }

  private showSection(section: Section): void {
    const { page } = this;
    const view = this.sections[section];
    assign(page, "section", section);
    if (view === this.section) return;
    this.section?.close();
    this.section = view;
    if (!view) return;
    this.closeRun();
    this.drawList();
    page.screen = "section";
    document.title = `${view.title} – Spantail`;
    view.open();
  }

  /** Selecting replaces the address: Back leaves the run instead of walking through spans. */
  private select(spanId: string | null): void {
    const { session } = this;
    if (!session) return;
    this.route = runRoute(session.runId, spanId);
    this.navigation.replace(this.route);
    this.showSpan(session, spanId);
  }

  private showSpan(session: RunSession | null, spanId: string | null): void {
    this.tree.select(spanId);
    this.details.show(session, spanId);
    document.documentElement.toggleAttribute("data-details", spanId !== null);
  }

  // One run

  private openRun(runId: string, spanId: string | null): void {
    this.closeRun();
    const session = new RunSession(
      this.api,
      runId,
      (id, listener) => new RunConnection([webSocket, serverSentEvents, poll(this.api)], id, listener),
      {
        changed: () => this.schedule.ask(),
        state: (state) => {
          if (this.session === session) this.showState(state);
        },
        notice: (text) => {
          if (this.session === session) this.page.notice = text;
        },
      },
    );
    this.session = session;
    const summary = this.runs.find((run) => run.run_id === runId);
    session.expect(summary);
    const { page } = this;
    page.screen = summary ? "run" : "loading";
    page.runId = runId;
    page.runIdShort = runId.slice(0, 8);
    drawRunHead(page, session, this.api.nowUs());
    this.drawList();
    this.showState(session.state);
    this.tree.open(session.store, spanId);
    this.tail.open(session.store);
    this.showSpan(session, spanId);
    void session.open();
  }

  private closeRun(): void {
    this.session?.close();
    this.session = null;
    this.opened = false;
    this.page.notice = "";
    this.page.links = [];
    this.showSpan(null, null);
    this.badge.hide();
    this.wait.show(null);
    document.title = "Spantail";
  }

  private showState(state: ConnectionState): void {
    const { page } = this;
    this.badge.show(state);
    if (state.phase === "settled") this.schedule.ask();
    else if (state.phase === "reconnecting" && page.screen === "loading") this.showOffline(state.reason);
    else if (state.phase === "gone") {
      this.goneListed = this.runs.some((run) => run.run_id === this.session?.runId);
      page.screen = state.expired ? "expired" : "missing";
      if (state.expired) void this.findLinks();
    }
  }

  private showOffline(reason: string): void {
    this.page.screen = "offline";
    this.page.offlineText = reason;
  }

  /** The same run in other tools; of one that has expired the problem names them. */
  private async findLinks(): Promise<void> {
    const { session, page } = this;
    if (!session) return;
    let links: Record<string, string> = {};
    try {
      links = (await this.api.run(session.runId)).links ?? {};
    } catch (error) {
      if (error instanceof ProblemError) links = error.problem.links ?? {};
    }
    if (this.session !== session) return;
    const named = Object.entries(links).filter(([, href]) => /^https?:\/\//.test(href));
    assign(
      page,
      "links",
      named.map(([name, href]) => ({ name: words(name), href })),
    );
  }

  private leaveDeleted(runId: string): void {
    this.sidebar.list.forget(runId);
    if (this.session?.runId !== runId) return;
    this.closeRun();
    this.navigation.go(runRoute(this.runs[0]?.run_id ?? null));
  }

  // Drawing

  private draw(): void {
    const { session } = this;
    if (!session?.loaded || session.state.phase === "gone") return;
    this.page.screen = "run";
    // What is hidden has no height and cannot be scrolled; the shell shows it a moment later.
    if (!this.runSection.checkVisibility()) {
      this.schedule.ask();
      return;
    }
    const begun = performance.now();
    if (!this.opened) void this.findLinks();
    this.opened = true;
    this.drawHead(session);
    this.tree.draw(!isLive(session));
    this.tail.draw();
    this.details.draw();
    this.schedule.drawn(begun);
  }

  /** The head above the tree, and the run's item in the list with it. */
  private drawHead(session: RunSession): void {
    const now = this.api.nowUs();
    drawRunHead(this.page, session, now);
    this.wait.show(session.run);
    const summary = summaryOf(session);
    if (summary) updateItem(this.page.runs, runItem(summary, session.runId, now));
  }

  private tick(): void {
    if (document.hidden) return;
    this.ticks++;
    const { session } = this;
    const second = this.ticks % LIST_TICKS === 0;
    // Of a run that has ended only its age grows.
    if (session && this.opened && session.state.phase !== "gone" && (second || isLive(session))) {
      this.drawHead(session);
      this.details.draw();
    }
    if (!second) return;
    this.drawList();
    this.section?.tick();
  }

  // The list

  private get runs(): readonly RunSummary[] {
    return this.sidebar.runs;
  }

  private listChanged(): void {
    const { session } = this;
    const first = !this.listed;
    this.listed = true;
    assign(this.page, "runsText", "");
    this.drawList();
    if (this.route.section !== "runs") return;
    if (!session) {
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
      this.openRun(session.runId, this.route.spanId);
  }

  private listFailed(reason: string): void {
    assign(this.page, "runsText", this.listed ? "This list is not up to date." : reason);
    if (!this.session && this.route.section === "runs") this.showOffline(reason);
  }

  private drawList(): void {
    const { session, page } = this;
    const open = session && summaryOf(session);
    const runs = this.runs.map((run) => (run.run_id === open?.run_id ? open : run));
    updateList(page, runItems(runs, session?.runId ?? null, this.api.nowUs()));
    if (this.runs.some((run) => run.demo)) assign(page, "demo", true);
  }

  private wake(): void {
    this.session?.nudge();
    this.sidebar.wake();
    this.section?.wake();
    this.schedule.ask();
  }
}
