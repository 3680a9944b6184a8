/** The head of the run on the page with all that belongs to it: connection, queue, budget, losses, result, other tools. */
import { assign, type PageData } from "../../../page";
import { RunResults } from "../../../run/run-result";
import type { RunSession } from "../../../run/session";
import type { Api } from "../../../service/api";
import type { RunSummary } from "../../../service/wire";
import { runLinks } from "../run-links";
import { RunSurroundings } from "../run-surroundings";
import { BudgetMeter } from "./budget-meter";
import { ConnectionBadge } from "./connection-badge";
import { LossLine } from "./loss-line";
import { QueueWait } from "./queue-wait";
import { drawRunHead, summaryOf } from "./run-head";

export interface RunHeadListener {
  /** Something around the run differs: it is to be drawn. */
  changed(): void;
  /** The service has such an operation: it may have started the run. */
  canStart(operation: string): boolean;
  /** What the list shows of the run may differ by now. */
  summarised(summary: RunSummary): void;
}

export class RunHeadView {
  readonly badge: ConnectionBadge;
  readonly results: RunResults;
  private readonly page: PageData;
  private readonly api: Api;
  private readonly listener: RunHeadListener;
  private readonly wait: QueueWait;
  private readonly losses = new LossLine();
  private readonly surroundings: RunSurroundings;
  private readonly meter = new BudgetMeter();
  private current: RunSession | null = null;

  constructor(page: PageData, api: Api, listener: RunHeadListener) {
    this.page = page;
    this.api = api;
    this.listener = listener;
    this.badge = new ConnectionBadge(page);
    this.results = new RunResults(api, () => listener.changed());
    this.wait = new QueueWait(api);
    this.surroundings = new RunSurroundings(api, () => listener.changed());
  }

  /** What is known of the run before its snapshot is here. */
  open(session: RunSession): void {
    this.current = session;
    drawRunHead(this.page, session, this.surroundings, this.api.nowUs());
  }

  /** What is around the run; not before the run itself is shown, which would come later for it. */
  askFurther(): void {
    if (!this.current) return;
    this.surroundings.follow(this.current.runId);
    void this.findLinks();
  }

  /** The head above the tree, and the run's item in the list with it. */
  draw(session: RunSession): void {
    drawRunHead(this.page, session, this.surroundings, this.api.nowUs());
    this.wait.show(session.run);
    this.meter.show(this.surroundings.limits(session.rootId));
    this.losses.show(session.dropped, session.marks);
    const { run } = session;
    this.results.follow(run, this.listener.canStart(run?.operation ?? ""));
    assign(this.page, "hasResult", this.results.state.phase !== "none" && session.rootId !== null);
    const summary = summaryOf(session);
    if (summary) this.listener.summarised(summary);
  }

  /** Of a run that has expired, other tools may still have it. */
  runIsGone(expired: boolean): void {
    this.surroundings.stop();
    if (expired) void this.findLinks();
  }

  close(): void {
    this.current = null;
    this.page.links = [];
    this.badge.hide();
    this.wait.show(null);
    this.losses.close();
    this.surroundings.stop();
    this.results.stop();
    this.page.hasResult = false;
    document.title = "Spantail";
  }

  /** The same run in other tools; of one that has expired the problem names them. */
  private async findLinks(): Promise<void> {
    const { current, page } = this;
    if (!current) return;
    const links = await runLinks(this.api, current.runId);
    if (this.current === current) assign(page, "links", links);
  }
}
