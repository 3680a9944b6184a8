/** One row of the queue: a heading of a group, or an item with what can be done about it. */

import { h, icon, setAttr, setIcon, setText } from "../../browser/dom";
import { address, runRoute } from "../../browser/router";
import * as words from "../../queue/queue-rows";
import type { ItemStatus, QueueItem } from "../../service/wire-work";
import type { RowView } from "../windowed";

export type Action = "retry" | "cancel";

export interface QueueRowContext {
  nowUs(): number;
  /** What is being done to an item at this moment. */
  busy(itemId: string): Action | undefined;
  runnerName(runnerId: string): string;
  act(item: QueueItem, action: Action): void;
}

/** So many have room; of more the last one is shown, and the others are counted. */
const EARLIER_SHOWN = 2;

const ICONS: Readonly<Record<ItemStatus, string>> = {
  pending: "pending",
  delayed: "pending",
  running: "running",
  succeeded: "ok",
  failed: "error",
  cancelled: "cancelled",
};

export const COLUMNS = ["item", "priority", "attempt", "runner", "earlier runs", "state", ""] as const;

function cell(name: string, ...children: (Node | string)[]): HTMLElement {
  return h("div", { class: `queue-${name}`, role: "cell" }, ...children);
}

export class QueueItemRow implements RowView<words.QueueRow> {
  readonly element: HTMLElement;
  private readonly context: QueueRowContext;
  private readonly heading = h("div", {
    class: "queue-heading",
    role: "cell",
    "aria-colspan": COLUMNS.length,
  });
  private readonly glyph = icon("pending", "glyph");
  private readonly link = h("a", { class: "queue-link", "data-nav": "" });
  private readonly operation = h("span", { class: "queue-operation" });
  private readonly note = h("span", { class: "queue-note" });
  private readonly statusText = h("span", { class: "sr-only" });
  private readonly priority = cell("priority");
  private readonly attempts = cell("attempts");
  private readonly runner = cell("runner");
  private readonly earlier = cell("earlier");
  private readonly state = cell("state");
  private readonly button = h("button", { type: "button", class: "button-quiet" });
  private readonly cells: readonly HTMLElement[];
  private row: words.QueueRow | null = null;

  constructor(context: QueueRowContext) {
    this.context = context;
    const name = cell("name", this.glyph, this.statusText, this.link, this.operation, this.note);
    const { priority, attempts, runner, earlier, state } = this;
    this.cells = [name, priority, attempts, runner, earlier, state, cell("action", this.button)];
    this.element = h("div", { class: "queue-row", role: "row" }, this.heading, ...this.cells);
    this.button.addEventListener("click", () => {
      const item = this.row?.kind === "item" ? this.row.item : null;
      const action = item && actionOf(item);
      if (item && action) context.act(item, action);
    });
  }

  update(row: words.QueueRow, index: number): void {
    this.row = row;
    const isItem = row.kind === "item";
    setAttr(this.element, "aria-rowindex", String(index + 2)); // the first one is the table's head
    setAttr(this.element, "data-kind", row.kind);
    setAttr(this.element, "data-group", row.group);
    setAttr(this.element, "data-status", isItem ? row.item.status : null);
    setAttr(this.element, "data-item-id", isItem ? row.item.id : null);
    this.heading.hidden = isItem;
    for (const each of this.cells) each.hidden = !isItem;
    if (isItem) this.drawItem(row.item);
    else setText(this.heading, row.text);
  }

  /** Only what moves while time passes. */
  tick(): void {
    if (this.row?.kind === "item") setText(this.state, words.stateText(this.row.item, this.context.nowUs()));
  }

  private drawItem(item: QueueItem): void {
    const name = words.itemName(item);
    setIcon(this.glyph, ICONS[item.status]);
    setText(this.statusText, item.status);
    setText(this.link, name);
    setAttr(this.link, "href", address(runRoute(item.run_id)));
    setAttr(this.link, "title", `${name}\n${item.operation}\nRun ${item.run_id}`);
    const error = (item.error ?? "").replace(/\s+/g, " ");
    // Most names begin with what is done.
    const saysOperation = [item.operation, item.title].some((each) => each && name.startsWith(each));
    setText(this.operation, error || saysOperation ? "" : item.operation);
    setText(this.note, item.status === "delayed" && error ? `after: ${error}` : error);
    setAttr(this.note, "title", error || null);
    setText(this.priority, item.priority);
    setAttr(this.priority, "data-priority", item.priority);
    setText(this.attempts, words.attemptsText(item));
    setText(this.runner, item.runner ? this.context.runnerName(item.runner) : "");
    setAttr(this.runner, "title", item.runner ?? null);
    this.drawEarlier(item.earlier_runs ?? []);
    setText(this.state, words.stateText(item, this.context.nowUs()));
    setAttr(this.state, "title", words.stateTitle(item));
    this.drawButton(item, name);
  }

  private drawEarlier(runs: readonly string[]): void {
    const key = runs.join(" ");
    if (this.earlier.dataset.runs === key) return;
    this.earlier.dataset.runs = key;
    const shown = runs.slice(runs.length > EARLIER_SHOWN ? -1 : 0).reverse();
    const links = shown.map((runId) =>
      h(
        "a",
        { class: "mono link", "data-nav": "", href: address(runRoute(runId)), title: `Earlier run ${runId}` },
        runId.slice(0, 8),
      ),
    );
    const more = runs.length - shown.length;
    const rest = h("span", { title: runs.slice(0, more).join("\n") }, `+${more}`);
    this.earlier.replaceChildren(...links, ...(more > 0 ? [rest] : []));
  }

  private drawButton(item: QueueItem, name: string): void {
    const busy = this.context.busy(item.id);
    const action = busy ?? actionOf(item);
    this.button.hidden = action === undefined;
    this.button.disabled = busy !== undefined;
    if (action === undefined) return;
    const text = action === "retry" ? "Retry" : "Cancel";
    setText(this.button, busy ? `${text}…` : text);
    setAttr(this.button, "aria-label", `${text} ${name}`);
  }
}

function actionOf(item: QueueItem): Action | undefined {
  if (words.canCancel(item)) return "cancel";
  return words.canRetry(item) ? "retry" : undefined;
}
