/** Above a run that waits in the queue: its place, since when, and how to take it out. */
import { byId, h, icon, setText } from "../../../browser/dom";
import { reasonOf } from "../../../connection/refresh";
import { QueueFeed } from "../../../queue/queue-feed";
import { waitText } from "../../../queue/queue-rows";
import type { Api } from "../../../service/api";
import type { RunSummary } from "../../../service/wire";
import type { QueueItem } from "../../../service/wire-work";

export class QueueWait {
  private readonly api: Api;
  private readonly element = byId("run-wait");
  private readonly text = h("span");
  private readonly error = h("span", { class: "wait-error", role: "alert" });
  private readonly button = h("button", { type: "button", class: "button" }, "Cancel");
  private readonly feed: QueueFeed;
  private runId: string | null = null;
  private start: number | null = null;
  private item: QueueItem | undefined;

  constructor(api: Api) {
    this.api = api;
    this.feed = new QueueFeed(api, {
      changed: ({ items }) => {
        this.item = items.find((item) => item.run_id === this.runId);
        this.draw();
      },
      away: () => {}, // the corner of the page says how it is connected
    });
    this.element.append(
      icon("pending", "glyph"),
      this.text,
      h("span", { class: "grow" }),
      this.error,
      this.button,
    );
    this.button.addEventListener("click", () => void this.cancel());
  }

  /** Follows the queue as long as the run on the page waits in it. */
  show(run: RunSummary | null): void {
    const waiting = run?.status === "queued" ? run : null;
    if (waiting?.run_id !== (this.runId ?? undefined)) {
      this.feed.stop();
      this.runId = waiting?.run_id ?? null;
      this.item = undefined;
      this.button.disabled = false;
      setText(this.button, "Cancel");
      setText(this.error, "");
      if (waiting) this.feed.start();
    }
    this.start = waiting?.start ?? null;
    this.element.hidden = waiting === null;
    this.draw();
  }

  private draw(): void {
    if (this.runId === null) return;
    const now = this.api.nowUs();
    const { item, start } = this;
    const isWaiting = item && (item.status === "pending" || item.status === "delayed");
    // Far down, an item is not listed, but how long it waits is known.
    const known = { status: "pending", position: null, enqueued: start ?? now } as const;
    setText(this.text, waitText(isWaiting ? item : known, now));
  }

  private async cancel(): Promise<void> {
    const { runId } = this;
    if (runId === null) return;
    this.button.disabled = true;
    setText(this.button, "Cancelling…");
    setText(this.error, "");
    try {
      await this.api.cancelRun(runId);
    } catch (error) {
      if (this.runId !== runId) return;
      this.button.disabled = false;
      setText(this.button, "Cancel");
      setText(this.error, `Not cancelled. ${reasonOf(error)}.`);
    }
  }
}
