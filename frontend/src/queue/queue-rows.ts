/** The queue's items as rows in words: groups in the order in which one asks for them. Pure. */

import type { ItemStatus, QueueContent, QueueCounts, QueueItem } from "../service/wire-work";
import { count, dateTime, duration } from "../text/format";
import { since } from "../text/when";

export type Group = "running" | "waiting" | "delayed" | "failed" | "done";

export const GROUPS: readonly Group[] = ["running", "waiting", "delayed", "failed", "done"];

const GROUP_OF: Readonly<Record<ItemStatus, Group>> = {
  running: "running",
  pending: "waiting",
  delayed: "delayed",
  failed: "failed",
  succeeded: "done",
  cancelled: "done",
};

const COUNTED_AS: Readonly<Partial<Record<Group, keyof QueueCounts>>> = {
  running: "running",
  waiting: "pending",
  delayed: "delayed",
  failed: "failed",
};

export type QueueRow =
  | { readonly kind: "group"; readonly group: Group; readonly text: string }
  | { readonly kind: "item"; readonly group: Group; readonly item: QueueItem };

export interface QueueList {
  readonly rows: readonly QueueRow[];
  /** Of the whole queue, by group. */
  readonly counts: Readonly<Record<Group, number>>;
}

function groupOf(item: Pick<QueueItem, "status">): Group {
  return GROUP_OF[item.status];
}

/** The rows of one group, or of all with a heading each; groups without items have none. */
export function queueList(content: Pick<QueueContent, "counts" | "items">, only: Group | null): QueueList {
  const items = new Map<Group, QueueItem[]>(GROUPS.map((group) => [group, []]));
  for (const item of content.items) items.get(groupOf(item))?.push(item);
  const counts = Object.fromEntries(
    GROUPS.map((group) => {
      const key = COUNTED_AS[group];
      const listed = items.get(group)?.length ?? 0;
      return [group, key === undefined ? listed : Math.max(listed, content.counts[key] ?? 0)];
    }),
  ) as Record<Group, number>;
  const rows: QueueRow[] = [];
  for (const group of GROUPS) {
    const listed = items.get(group) ?? [];
    if (counts[group] === 0 || (only !== null && only !== group)) continue;
    if (only === null)
      rows.push({ kind: "group", group, text: heading(group, counts[group], listed.length) });
    for (const item of listed.sort(ORDER[group])) rows.push({ kind: "item", group, item });
  }
  return { rows, counts };
}

function heading(group: Group, all: number, listed: number): string {
  const name = group.charAt(0).toUpperCase() + group.slice(1);
  return listed < all
    ? `${name} ${count(all)}, the first ${count(listed)} are listed`
    : `${name} ${count(all)}`;
}

const newestEnd = (a: QueueItem, b: QueueItem) => (b.finished ?? 0) - (a.finished ?? 0);

const ORDER: Readonly<Record<Group, (a: QueueItem, b: QueueItem) => number>> = {
  running: (a, b) => (a.started ?? 0) - (b.started ?? 0),
  waiting: (a, b) => (a.position ?? Number.MAX_SAFE_INTEGER) - (b.position ?? Number.MAX_SAFE_INTEGER),
  delayed: (a, b) => (a.available ?? 0) - (b.available ?? 0),
  failed: newestEnd,
  done: newestEnd,
};

/** 0 → "next", 1 → "2nd", 10 → "11th". */
export function place(position: number | null | undefined): string {
  if (position === null || position === undefined) return "";
  if (position === 0) return "next";
  const number = position + 1;
  const tens = number % 100;
  const ending = tens >= 11 && tens <= 13 ? "th" : (["th", "st", "nd", "rd"][number % 10] ?? "th");
  return `${count(number)}${ending}`;
}

/** Whole seconds and coarser: "12 s", "2 m 05 s". It counts, and must not flicker. */
export function seconds(us: number): string {
  const value = Math.max(0, us);
  return value < 59_950_000 ? `${Math.floor(value / 1_000_000)} s` : duration(value);
}

/** Where an item stands, and since when: "3rd · 12 s", "in 40 s", "failed 2 m ago". */
export function stateText(item: QueueItem, nowUs: number): string {
  const ended = item.finished ? ` ${since(item.finished, nowUs)}` : "";
  switch (item.status) {
    case "running":
      if (item.cancelling) return "cancelling…";
      return item.started ? seconds(nowUs - item.started) : "starting";
    case "pending":
      return [place(item.position), seconds(nowUs - item.enqueued)].filter(Boolean).join(" · ");
    case "delayed": {
      const left = (item.available ?? nowUs) - nowUs;
      const when = left > 0 ? `in ${seconds(left)}` : "now";
      return item.attempts > 0 ? `again ${when}` : when;
    }
    case "succeeded":
      return `done${ended}`;
    default:
      return `${item.status}${ended}`;
  }
}

/** All times that are known, for the tooltip. */
export function stateTitle(item: QueueItem): string {
  const lines = [`Enqueued ${dateTime(item.enqueued)}`];
  if (item.status === "delayed" && item.available) lines.push(`Starts from ${dateTime(item.available)} on`);
  if (item.started)
    lines.push(`Started ${dateTime(item.started)}, after ${duration(item.started - item.enqueued)}`);
  if (item.finished) lines.push(`Ended ${dateTime(item.finished)}`);
  if (item.started && item.finished) lines.push(`Took ${duration(item.finished - item.started)}`);
  return lines.join("\n");
}

/** "2 of 3"; before the first one nothing was tried. */
export function attemptsText(item: Pick<QueueItem, "attempts" | "max_attempts">): string {
  return `${count(item.attempts)} of ${count(item.max_attempts)}`;
}

export function itemName(item: Pick<QueueItem, "name" | "title" | "operation">): string {
  return item.name || item.title || item.operation;
}

export function canCancel(item: QueueItem): boolean {
  return !item.cancelling && ["pending", "delayed", "running"].includes(item.status);
}

export function canRetry(item: QueueItem): boolean {
  return item.status === "failed" || item.status === "cancelled";
}

/** "waiting in the queue, 3rd, 12 s", for the page of the item's run. */
export function waitText(
  item: Pick<QueueItem, "status" | "position" | "enqueued" | "available">,
  nowUs: number,
): string {
  if (item.status === "delayed") {
    const left = (item.available ?? nowUs) - nowUs;
    return left > 0 ? `Starts in ${seconds(left)}` : "Starts now";
  }
  const parts = ["Waiting in the queue", place(item.position), seconds(nowUs - item.enqueued)];
  return parts.filter(Boolean).join(", ");
}
