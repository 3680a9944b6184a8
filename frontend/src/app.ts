/** The page's controller: address ↔ run, list, session, and who draws what when. */
import { type Api, ProblemError } from "./api";
import { type ConnectionState, isFinal, type TransportName } from "./connection/connection";
import { RunConnection } from "./connection/follow";
import { poll } from "./connection/poll";
import { serverSentEvents } from "./connection/sse";
import { webSocket } from "./connection/websocket";
import { byId, copyText } from "./dom";
import { ago, dateTime } from "./format";
import { assign, type PageData } from "./page";
import { address, parse, type Route } from "./router";
import { RunSidebar } from "./run-sidebar";
import { words } from "./schema-form";
import { RunSession } from "./session";
import { backendTable } from "./views/backends";
import { facts, runLength } from "./views/facts";
import { layerItems } from "./views/layers";
import { LivetailView } from "./views/livetail";
import { NewRunDialog } from "./views/new-run";
import { isAlive, runItem, runItems, runName } from "./views/run-list";
import { RunMenu } from "./views/run-menu";
import { SpanDetailsView } from "./views/span-details";
import { RUN_ICONS } from "./views/status";
import { TraceTreeView } from "./views/trace-tree";
import type { OperationInfo, RunSummary } from "./wire";

/** The duration in the header ticks in tenths of a second. */
const TICK_MS = 100;
/** Whole seconds are enough for the list. */
const LIST_TICKS = 10;
/** The latency in the corner is smoothed and shown at most this often: it must not flicker. */
const LATENCY_MS = 1_000;

const TRANSPORTS: Readonly<Record<TransportName, string>> = {
  websocket: "Pushed over a WebSocket; time until an answer",
  sse: "Pushed as server-sent events: no WebSocket works here",
  poll: "Polled every 200 ms: nothing else works here; time until the answer",
};

export class App {
  private readonly page: PageData;
  private readonly api: Api;
  private readonly tree: TraceTreeView;
  private readonly tail: LivetailView;
  private readonly details: SpanDetailsView;
  private readonly dialog: NewRunDialog;
  private readonly section = byId("run");
  private session: RunSession | null = null;
  private route: Route = { runId: null, spanId: null };
  readonly sidebar: RunSidebar;
  private readonly menu: RunMenu;
  private listed = false;
  private frame = 0;
  private opened = false;
  private ticks = 0;
  /** Spans that the list counted when it was last compared with the settled run. */
  private settledSpans: number | null = null;
  private latency = 0;
  private latencyShownAt = 0;
  private transport: TransportName | null = null;

  constructor(page: PageData, api: Api) {
    this.page = page;
    this.api = api;
    const now = () => api.nowUs();
    this.tree = new TraceTreeView({ select: (id) => this.select(id), now });
    this.details = new SpanDetailsView(api, now, () => this.select(null));
    this.tail = new LivetailView({
      select: (id) => {
        this.select(id);
        this.tree.show(id);
      },
      earlier: () => {
        if (this.session?.hasEarlier) void this.session.loadHistory();
      },
    });
    this.dialog = new NewRunDialog(api, (runId) => {
      this.go({ runId, spanId: null });
      void this.sidebar.list.reload();
    });
    this.sidebar = new RunSidebar(page, api, {
      changed: () => this.listChanged(),
      failed: (reason) => this.listFailed(reason),
      open: (runId) => this.go({ runId, spanId: null }),
    });
    this.menu = new RunMenu(api, (runId) => this.leaveDeleted(runId));
  }

  private get runs(): readonly RunSummary[] {
    return this.sidebar.runs;
  }

  /** Opens the menu of a listed run, or of the one on the page. */
  openMenu(opener: HTMLElement): void {
    const runId = opener.dataset.menuOf ?? this.session?.runId;
    const run = this.runs.find((one) => one.run_id === runId) ?? this.session?.run;
    if (run && run.run_id === runId) this.menu.toggle(run, opener);
  }

  private leaveDeleted(runId: string): void {
    void this.sidebar.list.reload();
    if (this.session?.runId !== runId) return;
    this.closeRun();
    const next = this.runs.find((run) => run.run_id !== runId);
    this.go({ runId: next?.run_id ?? null, spanId: null });
  }

  start(): void {
    this.page.endpoint = `${location.origin}/v1/traces`;
    this.page.doctor = `spantail doctor --url ${location.origin}`;
    addEventListener("popstate", () => this.follow(parse(location.pathname, location.search)));
    addEventListener("online", () => this.wake());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.sidebar.list.follow(true);
      else this.wake();
    });
    document.addEventListener("click", (event) => this.onLink(event));
    setInterval(() => this.tick(), TICK_MS);
    void this.loadOperations();
    this.sidebar.start();
    this.follow(parse(location.pathname, location.search));
  }

  newRun(operation?: string): void {
    this.dialog.open(operation);
  }

  async copy(text: string): Promise<boolean> {
    return copyText(text);
  }

  retry(): void {
    this.wake();
    if (this.session && this.session.state.phase === "gone")
      this.openRun(this.session.runId, this.route.spanId);
  }

  // Addresses

  private onLink(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey)
      return;
    const link =
      event.target instanceof Element ? event.target.closest<HTMLAnchorElement>("a[data-nav]") : null;
    if (!link) return;
    event.preventDefault();
    const url = new URL(link.href);
    this.go(parse(url.pathname, url.search));
  }

  private go(route: Route): void {
    const target = address(route);
    if (target !== location.pathname + location.search) history.pushState(null, "", target);
    this.follow(route);
  }

  private follow(route: Route): void {
    this.route = route;
    this.page.listOpen = false;
    const runId = route.runId ?? this.runs[0]?.run_id ?? null;
    if (runId === null) {
      this.closeRun();
      this.page.screen = this.listed ? "empty" : "loading";
      this.drawList();
      return;
    }
    if (this.session?.runId === runId && this.session.state.phase !== "gone") {
      this.tree.select(route.spanId);
      if (route.spanId) this.tree.show(route.spanId);
      this.details.show(this.session, route.spanId);
      return;
    }
    this.openRun(runId, route.spanId);
  }

  /** Selecting replaces the address: Back leaves the run instead of walking through spans. */
  private select(spanId: string | null): void {
    const { session } = this;
    if (!session) return;
    this.route = { runId: session.runId, spanId };
    history.replaceState(null, "", address(this.route));
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
        changed: () => this.schedule(),
        state: (state) => {
          if (this.session === session) this.showState(state);
        },
        notice: (text) => {
          this.page.notice = text;
          this.opened = false;
        },
      },
    );
    this.session = session;
    this.opened = false;
    this.latencyShownAt = 0;
    const summary = this.runs.find((run) => run.run_id === runId);
    this.page.screen = summary ? "run" : "loading";
    this.page.runId = runId;
    this.page.runIdShort = runId.slice(0, 8);
    this.page.notice = "";
    this.page.links = [];
    session.run = summary ?? null;
    this.drawHeader();
    this.drawList();
    this.showState(session.state);
    this.tree.open(session.store, spanId);
    this.tail.open(session.store);
    this.details.show(session, spanId);
    document.documentElement.toggleAttribute("data-details", spanId !== null);
    void session.open();
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

  private closeRun(): void {
    this.session?.close();
    this.session = null;
    this.details.show(null, null);
    document.documentElement.removeAttribute("data-details");
    assign(this.page, "connection", "idle");
    assign(this.page, "connectionText", "");
    document.title = "Spantail";
  }

  /** However many events come, the page is drawn once a frame; a hidden tab draws on a slow timer. */
  private schedule(): void {
    if (this.frame !== 0) return;
    if (document.hidden) {
      this.frame = window.setTimeout(() => this.draw(), 500);
      return;
    }
    this.frame = requestAnimationFrame(() => this.draw());
  }

  private draw(): void {
    this.frame = 0;
    const { session } = this;
    if (!session) return;
    this.page.screen = "run";
    // What is hidden has no height and cannot be scrolled; the shell shows it a moment later.
    if (!this.section.checkVisibility()) {
      this.schedule();
      return;
    }
    if (!this.opened) void this.findLinks();
    this.opened = true;
    this.drawHeader();
    this.tree.draw(!this.alive(session));
    this.tail.draw();
    this.details.draw();
  }

  private alive(session: RunSession): boolean {
    return session.run === null || isAlive(session.run);
  }

  private drawHeader(): void {
    const { session, page } = this;
    if (!session) return;
    const { run, store } = session;
    if (run) {
      const root = store.tree.roots.find((node) => node.known);
      const rootSpan = root && store.spans.get(root.id);
      assign(page, "name", run.name || run.operation ? runName(run) : (rootSpan?.name ?? runName(run)));
      assign(page, "status", run.status);
      assign(page, "statusIcon", `#i-${RUN_ICONS[run.status] ?? "pending"}`);
      assign(page, "service", run.service ?? rootSpan?.service ?? "");
      if (run.demo) assign(page, "demo", true);
      document.title = `${page.name} · ${run.status} – Spantail`;
    }
    const table = backendTable(session.backends);
    const start = run?.start ?? store.start;
    assign(page, "started", start ? ago(start, this.api.nowUs()) : "");
    assign(page, "startedTitle", start ? `Started ${dateTime(start)}` : "");
    const input = {
      store,
      table,
      dropped: session.dropped,
      marks: session.marks,
      start,
      end: store.latest || run?.end,
      alive: this.alive(session),
      nowUs: Math.max(this.api.nowUs(), store.latest),
    };
    assign(page, "length", runLength(input));
    if (!this.opened && store.spans.size === 0) {
      assign(page, "facts", []);
    } else assign(page, "facts", facts(input));
    assign(page, "layers", layerItems(session.layers));
    this.drawOpenItem();
    assign(page, "backends", table.rows);
    assign(page, "backendTotal", table.rows.length > 0 ? [table.total] : []);
  }

  private showState(state: ConnectionState): void {
    const { page } = this;
    switch (state.phase) {
      case "connecting":
        this.connection("connecting", "connecting", "Waiting for the first answer");
        break;
      case "live": {
        const { latencyMs, transport } = state;
        const changed = this.transport !== transport;
        if (latencyMs !== null) {
          const first = changed || this.latencyShownAt === 0;
          this.latency = first ? latencyMs : this.latency * 0.8 + latencyMs * 0.2;
        }
        const now = performance.now();
        if (!changed && page.connection === "live" && now - this.latencyShownAt < LATENCY_MS) return;
        this.latencyShownAt = now;
        this.transport = transport;
        const latency = latencyMs === null ? "" : ` · ${Math.max(1, Math.round(this.latency))} ms`;
        this.connection("live", `live${latency}`, TRANSPORTS[transport]);
        break;
      }
      case "reconnecting": {
        const wait = (state.retryInMs / 1_000).toFixed(1);
        this.connection(
          "reconnecting",
          "reconnecting",
          `${state.reason}. Attempt ${state.attempt}, next in ${wait} s`,
        );
        if (page.screen === "loading") this.showOffline(state.reason);
        break;
      }
      case "settled":
        this.connection("settled", "settled", "The run has ended and everything of it is here");
        this.schedule();
        break;
      case "gone":
        this.connection("gone", "gone", "The service does not have this run");
        page.screen = state.expired ? "expired" : "missing";
        if (state.expired) void this.findLinks();
        break;
    }
  }

  private connection(phase: string, text: string, title: string): void {
    assign(this.page, "connection", phase);
    assign(this.page, "connectionText", text);
    assign(this.page, "connectionTitle", title);
  }

  private showOffline(reason: string): void {
    this.page.screen = "offline";
    this.page.offlineText = reason;
  }

  // The list

  private listChanged(): void {
    const first = !this.listed;
    this.listed = true;
    assign(this.page, "runsText", "");
    this.drawList();
    if (
      !this.session &&
      this.route.runId === null &&
      (first || this.runs.length > 0 || this.page.screen !== "empty")
    )
      this.follow(this.route);
    this.resumeIfCorrected();
  }

  private listFailed(reason: string): void {
    assign(this.page, "runsText", this.listed ? "This list is not up to date." : reason);
    if (!this.session) this.showOffline(reason);
  }

  /** A run that was settled and goes on: the list is the first to know. */
  private resumeIfCorrected(): void {
    const { session } = this;
    const listed = this.runs.find((run) => run.run_id === session?.runId);
    if (session?.state.phase !== "settled" || !listed) {
      this.settledSpans = null;
      return;
    }
    const spans = listed.spans ?? 0;
    const known = this.settledSpans;
    this.settledSpans = spans;
    const grown = spans !== known && spans > session.store.spans.size;
    if (grown || (known !== null && !isFinal(listed.status))) session.resume();
  }

  private drawList(): void {
    const current = this.session?.runId ?? null;
    const open = this.openSummary();
    const runs = this.runs.map((run) => (run.run_id === open?.run_id ? open : run));
    assign(this.page, "runs", runItems(runs, current, this.api.nowUs()));
    if (this.runs.some((run) => run.demo)) assign(this.page, "demo", true);
  }

  /** The run on the page as its session knows it: it is polled more often than the list. */
  private openSummary(): RunSummary | null {
    const { session } = this;
    if (!this.opened || !session?.run || session.store.spans.size === 0) return null;
    const { run, store, backends } = session;
    const { nano, unpriced } = backendTable(backends);
    return {
      ...run,
      start: run.start ?? store.start ?? null,
      end: isAlive(run) ? null : store.latest,
      spans: store.spans.size,
      errors: store.errors,
      cost_nano: nano,
      unpriced,
      backends,
    };
  }

  /** Keeps the list's item in step with the head above the tree, without building the list anew. */
  private drawOpenItem(): void {
    const open = this.openSummary();
    const shown = open && this.page.runs.find((item) => item.id === open.run_id);
    if (!shown) return;
    const item = runItem(open, open.run_id, this.api.nowUs());
    for (const key of ["name", "title", "status", "icon", "length", "meta", "cost", "errors"] as const)
      if (shown[key] !== item[key]) shown[key] = item[key];
  }

  private async loadOperations(): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt++) {
      try {
        const { operations, demo, login } = await this.api.operations();
        this.dialog.setOperations(operations);
        this.page.operations = operations.map(operationItem);
        if (demo) this.page.demo = true;
        if (login) this.page.login = true;
        return;
      } catch {
        // The list shows that the service is away; the form is needed later.
        await new Promise((resolve) => setTimeout(resolve, 2_000));
      }
    }
  }

  // Time

  private tick(): void {
    if (document.hidden) return;
    this.ticks++;
    const { session } = this;
    if (session && this.opened && this.alive(session) && session.state.phase !== "gone") {
      this.drawHeader();
      this.details.draw();
    }
    if (this.ticks % LIST_TICKS === 0) this.drawList();
  }

  private wake(): void {
    this.session?.nudge();
    this.sidebar.wake();
    this.schedule();
  }
}

function operationItem(operation: OperationInfo) {
  return { name: operation.name, title: words(operation.title), description: operation.description ?? "" };
}
