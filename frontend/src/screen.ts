/** What is on the screen: a run, a section or what there is to say instead; the address and the list of runs decide. */

import { isOutdated } from "./browser/new-build";
import { type Route, runRoute, type Section } from "./browser/router";
import { assign, type PageData, updateList } from "./page";
import type { RunSidebar } from "./runs/run-sidebar";
import type { Api } from "./service/api";
import type { RunSummary } from "./service/wire";
import { summaryOf } from "./views/run/head/run-head";
import type { RunView } from "./views/run/run-view";
import { runItems } from "./views/run-list";
import type { SectionView } from "./views/section";

export interface ScreenParts {
  readonly page: PageData;
  readonly api: Api;
  readonly run: RunView;
  readonly sidebar: RunSidebar;
  readonly sections: Readonly<Partial<Record<Section, SectionView>>>;
}

export class Screen {
  private readonly parts: ScreenParts;
  private readonly askRest: () => void;
  private shownSection: SectionView | undefined;
  private shownRoute: Route = runRoute(null);
  private following = false;
  /** The list has answered. */
  private listed = false;
  /** The run on the page was in the list when the service did not have it. */
  private goneListed = false;
  /** The service did not answer; when it does again, it may be another one. */
  private wasAway = false;

  /** `askRest` is called when nothing is on its way any more that the address asks for. */
  constructor(parts: ScreenParts, askRest: () => void) {
    this.parts = parts;
    this.askRest = askRest;
  }

  get route(): Route {
    return this.shownRoute;
  }

  /** The section beside the runs that is shown. */
  get section(): SectionView | undefined {
    return this.shownSection;
  }

  /** The list is narrowed to what the address says: there is no new place to go back to. */
  get isFollowing(): boolean {
    return this.following;
  }

  /** What is on the screen has another address now. */
  stayAt(route: Route): Route {
    this.shownRoute = route;
    return route;
  }

  follow(route: Route): void {
    const { page, run, sidebar } = this.parts;
    this.shownRoute = route;
    page.listOpen = false;
    this.showSection(route);
    if (route.section !== "runs") return;
    this.following = true;
    sidebar.apply(route.list);
    this.following = false;
    if (route.odd !== undefined) {
      run.close();
      page.runIdShort = route.odd;
      page.screen = "odd";
      document.title = "No such run – Spantail";
      this.drawList();
      return;
    }
    const { list, search } = sidebar;
    const runId = route.runId ?? (list.outdated ? null : (this.runs[0]?.run_id ?? null));
    if (runId === null) {
      run.close();
      page.screen = this.listed && !list.outdated ? (page.filtered ? "unmatched" : "empty") : "loading";
      this.drawList();
      return;
    }
    this.shownRoute = { ...route, find: route.runId ? route.find : search };
    if (run.session?.runId === runId && !run.isGone) run.goTo(this.route);
    else this.openRun(runId);
  }

  openRun(runId: string): void {
    const listed = this.runs.find((run) => run.run_id === runId);
    this.parts.run.open({ ...this.route, runId }, listed);
    this.drawList();
  }

  runIsGone(runId: string): void {
    this.goneListed = this.runs.some((run) => run.run_id === runId);
  }

  /** The tab or the network woke up. */
  wake(): void {
    void this.lookForUpdate();
    this.section?.wake();
  }

  listChanged(): void {
    const { page, run } = this.parts;
    const { session } = run;
    const first = !this.listed;
    this.listed = true;
    if (this.wasAway) void this.lookForUpdate();
    this.wasAway = false;
    assign(page, "runsText", "");
    run.serviceAnswers();
    this.drawList();
    if (this.runs.length === 0 || this.route.section !== "runs") this.askRest();
    if (this.route.section !== "runs") return;
    if (!session) {
      if (this.route.odd !== undefined) return;
      // On the start page the newest run is shown as soon as there is one.
      const waits = page.screen === "empty" || page.screen === "unmatched";
      if (first || this.runs.length > 0 || !waits) this.follow(this.route);
      return;
    }
    const listed = this.runs.find(({ run_id: id }) => id === session.runId);
    if (!listed) return;
    session.compare(listed);
    // Its address was known before its first span was here.
    const { state } = session;
    if (state.phase === "gone" && !state.expired && !this.goneListed) this.openRun(session.runId);
  }

  listFailed(reason: string): void {
    const { page, run } = this.parts;
    this.wasAway = true;
    assign(page, "runsText", this.listed ? "This list is not up to date." : reason);
    run.serviceAnswers(reason);
    if (run.session || this.route.section !== "runs" || this.route.odd !== undefined) return;
    page.screen = "offline";
    page.offlineText = reason;
  }

  drawList(): void {
    const { page, run, api, sidebar } = this.parts;
    const { session } = run;
    const open = session && summaryOf(session);
    const runs = this.runs.map((one) => (one.run_id === open?.run_id ? open : one));
    updateList(page, runItems(runs, session?.runId ?? null, api.nowUs(), sidebar.search));
    if (this.runs.some(({ demo }) => demo)) assign(page, "demo", true);
  }

  private get runs(): readonly RunSummary[] {
    return this.parts.sidebar.runs;
  }

  private showSection(route: Route): void {
    const { page, run, sections } = this.parts;
    const view = sections[route.section];
    assign(page, "section", route.section);
    if (view === this.section) {
      view?.moved?.(route);
      return;
    }
    this.section?.close();
    this.shownSection = view;
    if (!view) return;
    run.close();
    this.drawList();
    page.screen = "section";
    document.title = `${view.title} – Spantail`;
    view.open(route);
  }

  /** Of an updated service this is the old page, which may not understand it. */
  private async lookForUpdate(): Promise<void> {
    if (await isOutdated())
      this.parts.page.notice = "The service was updated. Reload this page to get its new version.";
  }
}
