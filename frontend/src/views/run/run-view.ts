/** One run on the page: its session, and everything that is drawn of it. */
import { afterPaint } from "../../browser/after-paint";
import { byId } from "../../browser/dom";
import { DrawSchedule, type Parts } from "../../browser/draw-schedule";
import type { Route } from "../../browser/router";
import type { ConnectionState } from "../../connection/connection";
import { connectBy } from "../../connection/transports";
import type { PageData } from "../../page";
import { RunSession } from "../../run/session";
import type { Api } from "../../service/api";
import type { Jump, RunSummary } from "../../service/wire";
import { SpanDetailsView } from "../details/span-details";
import { FindBar } from "../find/find-bar";
import { LivetailView } from "../livetail/livetail";
import { TimePanel } from "../time/time-panel";
import { type RunHeadListener, RunHeadView } from "./head/head-view";
import { isLive } from "./head/run-head";
import { runShapes } from "./run-shapes";
import type { ViewStrip } from "./view-strip";

export interface RunViewListener extends Omit<RunHeadListener, "changed"> {
  /** The user has chosen a span of the run, or none any more. */
  chosen(runId: string, spanId: string | null): void;
  /** The run that was opened is on the screen. */
  shown(): void;
  /** Something is searched for in the run, or nothing any more. */
  searched(runId: string, query: string): void;
  /** The run is over; said again and again. */
  ended(runId: string): void;
  /** The service does not have the run. */
  gone(runId: string): void;
}

export class RunView {
  private readonly page: PageData;
  private readonly api: Api;
  private readonly listener: RunViewListener;
  private readonly section = byId("run");
  private readonly head: RunHeadView;
  private readonly views: ViewStrip;
  private readonly tail: LivetailView;
  private readonly details: SpanDetailsView;
  readonly find: FindBar;
  private readonly schedule = new DrawSchedule(() => this.parts());
  private current: RunSession | null = null;
  private chosenId: string | null = null;
  /** The session was drawn: its section is on the screen. */
  private opened = false;

  constructor(page: PageData, api: Api, listener: RunViewListener) {
    this.page = page;
    this.api = api;
    this.listener = listener;
    const now = () => api.nowUs();
    const select = (id: string | null) => this.choose(id);
    const runId = () => this.current?.runId ?? "";
    const panel = new TimePanel(api, runId, now);
    const actions = {
      select,
      now,
      unfold: (id: string) => void this.current?.unfold(id),
      reach: (id: string) => void this.current?.reach(id).catch(() => {}),
    };
    this.views = runShapes({ actions, panel, api, runId: () => this.current?.runId ?? "" });
    this.head = new RunHeadView(page, api, {
      changed: () => this.schedule.ask(),
      canStart: (operation) => listener.canStart(operation),
      summarised: (summary) => listener.summarised(summary),
    });
    this.details = new SpanDetailsView(api, now, this.head.results, () => {
      this.choose(null);
      this.views.focus();
    });
    this.tail = new LivetailView({
      select: (id) => {
        this.choose(id, true);
      },
      earlier: () => {
        if (this.current?.hasEarlier) void this.current.loadHistory();
      },
      older: () => this.current?.older ?? 0,
      first: () => this.current?.firstIndex ?? 0,
      page: async (before) => (await this.current?.olderEvents(before)) ?? null,
      narrowedTo: (backend) => {
        page.onlyBackend = backend;
        this.schedule.ask();
      },
    });
    this.find = new FindBar(api, {
      go: (id) => this.choose(id, true),
      show: (id) => this.views.show(id),
      chosen: () => this.chosenId,
      searched: (query) => {
        this.views.search(query);
        if (this.current) listener.searched(this.current.runId, query);
      },
      found: (finding) => this.views.found(finding),
      leave: () => this.views.focus(),
      now,
    });
  }

  get session(): RunSession | null {
    return this.current;
  }

  /** The span whose details are shown. */
  get chosen(): string | null {
    return this.chosenId;
  }

  get isGone(): boolean {
    return this.current?.state.phase === "gone";
  }

  /** `listed` is what the list knows of the run, until its snapshot is here. */
  open(route: Route & { runId: string }, listed: RunSummary | undefined): void {
    const { runId, spanId, view, find } = route;
    this.close();
    const { page } = this;
    const session: RunSession = new RunSession(this.api, runId, connectBy(this.api), {
      changed: () => {
        if (session.loaded && !isLive(session)) this.listener.ended(runId);
        // The shell has shown the run's section by the time at which it is drawn.
        if (session.loaded && this.current === session && !this.isGone) page.screen = "run";
        if (this.opened) this.schedule.ask();
        else queueMicrotask(() => this.schedule.now());
      },
      state: (state) => {
        if (this.current === session) this.showState(state);
      },
      notice: (text) => {
        if (this.current === session) this.page.notice = text;
      },
    });
    this.current = session;
    session.expect(listed);
    page.screen = listed ? "run" : "loading";
    page.runId = runId;
    page.runIdShort = runId.slice(0, 8);
    this.head.open(session);
    this.showState(session.state);
    this.views.open(runId, session.store, spanId, view);
    this.tail.open(session.store);
    this.showSpan(spanId);
    this.views.search(find);
    this.find.open(runId, session.store, find);
    void session.open();
  }

  /** Whether the service answers; `away` says why it does not. */
  serviceAnswers(away = ""): void {
    this.head.badge.service(away);
  }

  close(): void {
    this.current?.close();
    this.current = null;
    this.opened = false;
    this.find.close();
    this.views.close();
    this.page.notice = "";
    this.showSpan(null);
    this.head.close();
  }

  /** Shows a span of the run, in the tree and in the details. */
  goToSpan(spanId: string): void {
    this.page.pane = "trace";
    this.choose(spanId, true);
  }

  /** The livetail shows the events of a backend alone, or again those of all. */
  narrowTo(backend: string): void {
    this.tail.narrowTo(this.page.onlyBackend === backend ? "" : backend);
    if (this.page.onlyBackend) this.page.pane = "tail";
  }

  /** What came of the run is in the details of its root. */
  showResult(): void {
    const rootId = this.current?.rootId;
    if (!rootId) return;
    this.choose(rootId);
    this.details.toTop();
  }

  /** The keyboard goes to the run, in the shape in which it is shown. */
  focus(): void {
    this.views.focus();
  }

  /** Goes where a figure of the head leads, see `field-goals.ts`. */
  reach(goal: string): void {
    const [kind, ...rest] = goal.split(":");
    const what = rest.join(":");
    if (kind === "find") this.find.searchAndGo(what);
    else if (kind === "jump") this.find.jump(what as Jump);
    else if (kind === "root" && this.current?.rootId) this.choose(this.current.rootId, true);
    else if (kind === "tail") byId("tail-viewport").focus();
  }

  /** Goes to a span of the run that is open, in one of its shapes. */
  goTo({ spanId, view, find }: Route): void {
    this.showSpan(spanId);
    this.views.search(find);
    this.find.set(find);
    this.views.go(view);
    if (spanId) this.views.show(spanId);
  }

  wake(): void {
    this.current?.nudge();
    this.schedule.ask();
  }

  /** A tenth of a second has passed, or with `second` a whole one. */
  tick(second: boolean): void {
    const { current } = this;
    // Of a run that has ended only its age grows.
    if (current && !this.isGone && (second || isLive(current))) this.retime();
  }

  /** Times are drawn as they are now, or the other way. */
  retime(): void {
    const { current } = this;
    if (!current || !this.opened) return;
    this.head.draw(current);
    this.details.draw();
  }

  /** Chooses a span, or none; with `show` it is brought into sight too. */
  private choose(spanId: string | null, show = false): void {
    if (!this.current) return;
    this.listener.chosen(this.current.runId, spanId);
    this.showSpan(spanId);
    if (show && spanId) this.views.show(spanId);
    this.find.draw();
  }

  private showSpan(spanId: string | null): void {
    this.chosenId = spanId;
    this.views.select(spanId);
    this.details.show(this.current, spanId);
    document.documentElement.toggleAttribute("data-details", spanId !== null);
  }

  private showState(state: ConnectionState): void {
    const { page } = this;
    this.head.badge.show(state);
    if (state.phase === "settled") this.schedule.ask();
    else if (state.phase === "reconnecting" && page.screen === "loading") {
      page.screen = "offline";
      page.offlineText = state.reason;
    } else if (state.phase === "gone") {
      this.head.runIsGone(state.expired);
      if (this.current) this.listener.gone(this.current.runId);
      page.screen = state.expired ? "expired" : "missing";
    }
  }

  /** What is to be drawn of the run. A run that was left meanwhile is not drawn any more. */
  private parts(): Parts {
    const { current } = this;
    if (!current?.loaded || this.isGone) return [];
    this.page.screen = "run";
    // What is hidden has no height and cannot be scrolled.
    if (this.section.hidden) {
      this.schedule.ask();
      return [];
    }
    const draws = [
      () => this.head.draw(current),
      // It asks how high it is: before the tree has put its rows there, which would be laid out for it.
      () => this.tail.draw(),
      () => this.views.draw(!isLive(current)),
      () => this.find.draw(),
      () => this.details.draw(),
    ];
    if (!this.opened) {
      this.opened = true;
      // What appears at first appears at once.
      return [
        () => {
          for (const draw of draws) draw();
          afterPaint(() => {
            if (this.current !== current) return;
            this.head.askFurther();
            this.listener.shown();
          });
        },
      ];
    }
    // Head and details of a run that goes on follow the clock, see `tick`.
    const isTicking = isLive(current) && !document.hidden;
    return (isTicking ? draws.slice(1, -1) : draws).map((draw) => () => {
      if (this.current === current) draw();
    });
  }
}
