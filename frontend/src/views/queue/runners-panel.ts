/** Who works on the queue: each process, whether it lives, and what it does. */
import { h, icon, setAttr, setIcon, setText } from "../../browser/dom";
import { address, runRoute } from "../../browser/router";
import { Refresh } from "../../connection/refresh";
import { seconds } from "../../queue/queue-rows";
import type { Api } from "../../service/api";
import type { RunnerInfo, RunnersAnswer, RunnerWork } from "../../service/wire-work";
import { count, dateTime } from "../../text/format";
import { KeyedList } from "../keyed";
import type { RowView } from "../windowed";
import { inOrder, runnerDetails, runnerName, runnerState } from "./runner-words";

const ASK_MS = 3_000;

export class RunnersPanel {
  readonly element: HTMLElement;
  private readonly changed: () => void;
  private readonly refresh: Refresh<RunnersAnswer>;
  private readonly info = h("span", { class: "panel-info" });
  private readonly empty = h("p", { class: "tail-empty", hidden: true });
  private readonly list: KeyedList<RunnerInfo>;
  private runners: readonly RunnerInfo[] | null = null;

  constructor(api: Api, changed: () => void) {
    this.changed = changed;
    this.refresh = new Refresh((signal) => api.runners(signal), ASK_MS, {
      taken: ({ runners }) => this.take(runners),
      failed: () => {}, // the queue beside it says so
    });
    const items = h("ul", { class: "runner-list" });
    this.list = new KeyedList(
      items,
      (runner) => runner.id,
      () => new RunnerItem(() => api.nowUs()),
    );
    this.element = h(
      "aside",
      { class: "runners", "aria-label": "Runners" },
      h("div", { class: "panel-head" }, h("h2", {}, "Runners"), this.info),
      this.empty,
      items,
    );
  }

  start(): void {
    this.refresh.start();
  }

  stop(): void {
    this.refresh.stop();
  }

  wake(): void {
    this.refresh.now();
  }

  tick(): void {
    if (this.runners) this.list.draw(inOrder(this.runners));
  }

  nameOf(runnerId: string): string {
    const runner = this.runners?.find(({ id }) => id === runnerId);
    return runner ? runnerName(runner) : runnerId;
  }

  private take(runners: readonly RunnerInfo[]): void {
    const names = (list: readonly RunnerInfo[] | null) => list?.map((runner) => runner.id).join(" ");
    const others = names(this.runners) !== names(runners);
    this.runners = runners;
    const alive = runners.filter((runner) => runner.alive);
    // One that drains takes no more than it has.
    const slots = alive.reduce(
      (sum, each) => sum + (each.draining ? each.running.length : each.concurrency),
      0,
    );
    const busy = alive.reduce((sum, runner) => sum + runner.running.length, 0);
    setText(this.info, alive.length > 0 ? `${count(busy)} of ${count(slots)} busy` : "");
    this.empty.hidden = alive.length > 0;
    setText(
      this.empty,
      "No runner is alive: what is queued waits. The command “spantail runner” starts one.",
    );
    this.list.draw(inOrder(runners));
    if (others) this.changed();
  }
}

class RunnerItem implements RowView<RunnerInfo> {
  readonly element: HTMLElement;
  private readonly nowUs: () => number;
  private readonly glyph = icon("ok", "glyph");
  private readonly name = h("span", { class: "runner-name" });
  private readonly state = h("span", { class: "runner-state" });
  private readonly details = h("p", { class: "runner-details" });
  private readonly work: KeyedList<RunnerWork>;

  constructor(nowUs: () => number) {
    this.nowUs = nowUs;
    const work = h("ul", { class: "runner-work" });
    this.work = new KeyedList(
      work,
      (one) => one.run_id,
      () => new WorkItem(nowUs),
    );
    this.element = h(
      "li",
      { class: "runner" },
      h("div", { class: "runner-line" }, this.glyph, this.name, this.state),
      this.details,
      work,
    );
  }

  update(runner: RunnerInfo): void {
    const now = this.nowUs();
    const busy = runner.running.length > 0;
    const state = !runner.alive ? "dead" : runner.draining ? "draining" : busy ? "busy" : "idle";
    setAttr(this.element, "data-state", state);
    setAttr(this.element, "data-runner-id", runner.id);
    setIcon(
      this.glyph,
      { dead: "abandoned", draining: "pause", busy: "running", idle: "pending" }[state] ?? "dot",
    );
    setText(this.name, runnerName(runner));
    setAttr(this.name, "title", runner.id);
    setText(this.state, runnerState(runner, now));
    setText(this.details, runnerDetails(runner, now));
    setAttr(
      this.details,
      "title",
      `Started ${dateTime(runner.started)}
Load: average of the last minute, five and fifteen minutes`,
    );
    this.work.draw(runner.running);
  }
}

class WorkItem implements RowView<RunnerWork> {
  readonly element: HTMLElement;
  private readonly nowUs: () => number;
  private readonly link = h("a", { class: "queue-link", "data-nav": "" });
  private readonly time = h("span", { class: "runner-time" });

  constructor(nowUs: () => number) {
    this.nowUs = nowUs;
    this.element = h("li", {}, this.link, this.time);
  }

  update(work: RunnerWork): void {
    setText(this.link, work.operation);
    setAttr(this.link, "href", address(runRoute(work.run_id)));
    setAttr(this.link, "title", `Run ${work.run_id}`);
    setText(this.time, seconds(this.nowUs() - work.since));
  }
}
