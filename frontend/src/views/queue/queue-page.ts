/** The page of the queue: what runs, what waits and why, what failed; and who works on it. */
import "../../styles/pages/queue.css";
import { byId, h, setAttr, setText } from "../../browser/dom";
import { reasonOf } from "../../connection/refresh";
import { QueueFeed } from "../../queue/queue-feed";
import { GROUPS, type Group, itemName, type QueueRow, queueList } from "../../queue/queue-rows";
import type { Api } from "../../service/api";
import type { QueueContent, QueueItem } from "../../service/wire-work";
import { count } from "../../text/format";
import { ProblemLine } from "../problem-line";
import type { SectionView } from "../section";
import { WindowedList } from "../windowed";
import { type Action, COLUMNS, QueueItemRow } from "./queue-row";
import { RunnersPanel } from "./runners-panel";

const NARROW = matchMedia("(max-width: 900px)");
const ROW_HEIGHT = 32;
const NARROW_ROW_HEIGHT = 52;

const EMPTY: Readonly<Record<Group | "all", string>> = {
  all: "The queue is empty. What is started with “Queue it” waits here until a runner is free.",
  running: "Nothing runs from the queue.",
  waiting: "Nothing waits.",
  delayed: "Nothing is delayed.",
  failed: "Nothing has failed.",
  done: "Nothing has ended yet.",
};

export class QueuePage implements SectionView {
  readonly title = "Queue";
  private readonly api: Api;
  private readonly feed: QueueFeed;
  private readonly runners: RunnersPanel;
  private readonly tabs = new Map<Group | null, HTMLButtonElement>();
  private readonly message = h("p", { class: "board-message", role: "status" });
  private readonly problem = new ProblemLine();
  private readonly empty = h("p", { class: "tail-empty" });
  private readonly table: HTMLElement;
  private readonly list: WindowedList<QueueRow>;
  private readonly busy = new Map<string, Action>();
  private content: QueueContent | null = null;
  private only: Group | null = null;

  constructor(api: Api) {
    this.api = api;
    this.runners = new RunnersPanel(api, () => this.draw());
    this.feed = new QueueFeed(api, {
      changed: (content) => {
        this.content = content;
        this.draw();
      },
      away: (reason) => this.setProblem(reason),
    });
    const canvas = h("div", { class: "canvas" });
    const viewport = h(
      "div",
      { class: "queue-viewport", tabindex: "0", role: "rowgroup", "aria-label": "Items" },
      canvas,
    );
    const header = h(
      "div",
      { class: "queue-row queue-header", role: "row", "aria-rowindex": "1" },
      ...COLUMNS.map((name) =>
        h("div", { class: `queue-${classOf(name)}`, role: "columnheader" }, headOf(name)),
      ),
    );
    this.table = h(
      "div",
      { class: "queue-table", role: "table", "aria-label": "Items of the queue" },
      header,
      viewport,
    );
    byId("queue-page").append(
      h("header", { class: "board-head" }, h("h1", {}, "Queue"), this.makeTabs(), this.message),
      this.problem.element,
      h(
        "div",
        { class: "queue-body" },
        h("div", { class: "queue-main" }, this.table, this.empty),
        this.runners.element,
      ),
    );
    const context = {
      nowUs: () => api.nowUs(),
      busy: (id: string) => this.busy.get(id),
      runnerName: (id: string) => this.runners.nameOf(id),
      act: (item: QueueItem, action: Action) => void this.act(item, action),
    };
    this.list = new WindowedList<QueueRow>({
      viewport,
      canvas,
      get rowHeight() {
        return NARROW.matches ? NARROW_ROW_HEIGHT : ROW_HEIGHT;
      },
      key: (row) => (row.kind === "item" ? row.item.id : `group ${row.group}`),
      create: () => new QueueItemRow(context),
      inOrder: true,
    });
    NARROW.addEventListener("change", () => this.draw());
  }

  open(): void {
    this.content = null;
    setText(this.message, "");
    this.feed.start();
    this.runners.start();
    this.draw();
  }

  close(): void {
    this.feed.stop();
    this.runners.stop();
  }

  wake(): void {
    this.feed.wake();
    this.runners.wake();
  }

  tick(): void {
    for (const row of this.list.rows()) if (row instanceof QueueItemRow) row.tick();
    this.runners.tick();
  }

  private makeTabs(): HTMLElement {
    for (const group of [null, ...GROUPS]) {
      const button = h("button", { type: "button", class: "tab", "data-group": group ?? "all" });
      button.addEventListener("click", () => {
        this.only = group;
        this.draw(0);
      });
      this.tabs.set(group, button);
    }
    return h("div", { class: "tabs", role: "group", "aria-label": "Which items" }, ...this.tabs.values());
  }

  private draw(scrollTop?: number): void {
    const { content } = this;
    const { rows, counts } = queueList(
      content ?? { counts: { pending: 0, delayed: 0, running: 0, failed: 0 }, items: [] },
      this.only,
    );
    const all = Object.values(counts).reduce((sum, each) => sum + each, 0);
    for (const [group, button] of this.tabs) {
      const name = group ? group.charAt(0).toUpperCase() + group.slice(1) : "All";
      setText(button, content ? `${name} ${count(group ? counts[group] : all)}` : name);
      setAttr(button, "aria-pressed", String(group === this.only));
    }
    setAttr(this.table, "aria-rowcount", String(rows.length + 1));
    this.table.hidden = rows.length === 0;
    this.empty.hidden = rows.length > 0;
    setText(this.empty, content ? EMPTY[this.only ?? "all"] : this.problem.element.hidden ? "Loading…" : "");
    this.list.setItems(rows, scrollTop);
  }

  private setProblem(reason: string): void {
    this.problem.show(reason, this.content !== null);
    if (!this.content) this.draw();
  }

  private async act(item: QueueItem, action: Action): Promise<void> {
    this.busy.set(item.id, action);
    this.list.render();
    const name = itemName(item);
    try {
      if (action === "retry") {
        await this.api.retryItem(item.id);
        this.say(`Queued again: ${name}`);
      } else {
        const { status } = await this.api.cancelItem(item.id);
        this.say(status === "cancelled" ? `Cancelled: ${name}` : `Cancelling: ${name}. Its runner was told.`);
      }
    } catch (error) {
      this.say(`${action === "retry" ? "Not queued again" : "Not cancelled"}: ${name}. ${reasonOf(error)}.`);
    } finally {
      this.busy.delete(item.id);
      this.list.render();
    }
  }

  private say(text: string): void {
    setText(this.message, text);
    setAttr(this.message, "title", text);
  }
}

function headOf(column: string): string | HTMLElement {
  return column || h("span", { class: "sr-only" }, "actions");
}

function classOf(column: string): string {
  if (column === "") return "action";
  const names: Record<string, string> = { item: "name", attempt: "attempts", "earlier runs": "earlier" };
  return names[column] ?? column;
}
