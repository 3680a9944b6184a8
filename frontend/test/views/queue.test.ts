import { expect, it } from "vitest";
import {
  attemptsText,
  canCancel,
  canRetry,
  itemName,
  place,
  queueList,
  stateText,
  stateTitle,
  waitText,
} from "../../src/queue/queue-rows";
import type { QueueItem } from "../../src/service/wire-work";
import { inOrder, runnerDetails, runnerState } from "../../src/views/queue/runner-words";

const S = 1_000_000;
const NOW = 1_000 * S;

function item(more: Partial<QueueItem> = {}): QueueItem {
  return {
    id: "1",
    operation: "job-search",
    title: "Job search",
    name: null,
    status: "pending",
    priority: "normal",
    position: 2,
    attempts: 0,
    max_attempts: 3,
    enqueued: NOW - 12 * S,
    available: null,
    started: null,
    finished: null,
    runner: null,
    run_id: "0af7651916cd43dd8448eb211c80319c",
    earlier_runs: [],
    cancelling: false,
    error: null,
    ...more,
  };
}

it("groups items in the order in which one asks for them", () => {
  const items = [
    item({ id: "done", status: "succeeded", finished: 5 }),
    item({ id: "2nd", position: 1 }),
    item({ id: "1st", position: 0 }),
    item({ id: "failed", status: "failed", finished: 5 }),
    item({ id: "newer", status: "failed", finished: 9 }),
    item({ id: "runs", status: "running", started: 1 }),
    item({ id: "stopped", status: "cancelled", finished: 9 }),
  ];
  const counts = { pending: 14, delayed: 0, running: 1, failed: 2 };
  const list = queueList({ counts, items }, null);
  expect(list.rows.map((row) => (row.kind === "item" ? row.item.id : row.text))).toEqual([
    "Running 1",
    "runs",
    "Waiting 14, the first 2 are listed",
    "1st",
    "2nd",
    "Failed 2",
    "newer",
    "failed",
    "Done 2",
    "stopped",
    "done",
  ]);
  expect(list.counts).toEqual({ running: 1, waiting: 14, delayed: 0, failed: 2, done: 2 });
  const waiting = queueList({ counts, items }, "waiting").rows;
  expect(waiting.map((row) => row.kind)).toEqual(["item", "item"]);
});

it("counts places as people do", () => {
  expect([0, 1, 2, 3, 9, 10, 11, 12, 20, 21, 22, 100, 110, 1_110].map(place)).toEqual(
    "next 2nd 3rd 4th 10th 11th 12th 13th 21st 22nd 23rd 101st 111th 1,111th".split(" "),
  );
  expect(place(null)).toBe("");
});

it("says where an item stands, and since when", () => {
  expect(stateText(item(), NOW)).toBe("3rd · 12 s");
  expect(stateText(item({ position: null }), NOW)).toBe("12 s");
  expect(stateText(item({ status: "running", started: NOW - 75 * S }), NOW)).toBe("1 m 15 s");
  expect(stateText(item({ status: "running", started: NOW, cancelling: true }), NOW)).toBe("cancelling…");
  expect(stateText(item({ status: "delayed", available: NOW + 42 * S }), NOW)).toBe("in 42 s");
  expect(stateText(item({ status: "delayed", available: NOW - S, attempts: 1 }), NOW)).toBe("again now");
  expect(stateText(item({ status: "failed", finished: NOW - 180 * S }), NOW)).toBe("failed 3 m ago");
  expect(stateText(item({ status: "succeeded", finished: NOW - S }), NOW)).toBe("done just now");
  expect(stateText(item({ status: "cancelled" }), NOW)).toBe("cancelled");
  const ended = item({ status: "succeeded", started: NOW - 9 * S, finished: NOW - 4 * S });
  expect(stateTitle(ended)).toContain("after 3.00 s");
  expect(stateTitle(ended)).toContain("Took 5.00 s");
  expect(attemptsText(item({ attempts: 2 }))).toBe("2 of 3");
});

it("waits in words on the page of the run", () => {
  expect(waitText(item(), NOW)).toBe("Waiting in the queue, 3rd, 12 s");
  expect(waitText(item({ position: 0 }), NOW)).toBe("Waiting in the queue, next, 12 s");
  expect(waitText(item({ status: "delayed", available: NOW + 3 * S }), NOW)).toBe("Starts in 3 s");
});

it("offers what can be done, and nothing else", () => {
  const able = (["pending", "delayed", "running", "succeeded", "failed", "cancelled"] as const).map(
    (status) => [canCancel(item({ status })), canRetry(item({ status }))],
  );
  expect(able.map(([cancel]) => cancel)).toEqual([true, true, true, false, false, false]);
  expect(able.map(([, retry]) => retry)).toEqual([false, false, false, false, true, true]);
  expect(canCancel(item({ status: "running", cancelling: true }))).toBe(false);
});

it("names an item, whatever is known of it", () => {
  expect(itemName(item({ name: "python developer" }))).toBe("python developer");
  expect(itemName(item())).toBe("Job search");
  expect(itemName(item({ title: null }))).toBe("job-search");
});

it("tells of runners who lives and what they do", () => {
  const runner = {
    id: "r1",
    host: "worker",
    pid: 4,
    kind: "runner" as const,
    version: "0.3.0",
    started: NOW - 7_200 * S,
    last_seen: NOW - 95 * S,
    alive: true,
    draining: false,
    concurrency: 4,
    running: [],
    load: [0.42, 0.3, 0],
  };
  const work = { run_id: "a", operation: "job-search", since: NOW };
  expect(runnerState(runner, NOW)).toBe("idle");
  expect(runnerState({ ...runner, running: [work] }, NOW)).toBe("1 of 4 busy");
  expect(runnerState({ ...runner, draining: true }, NOW)).toBe("draining");
  expect(runnerState({ ...runner, concurrency: 0 }, NOW)).toBe("takes nothing from the queue");
  expect(runnerState({ ...runner, alive: false }, NOW)).toBe("not heard for 1 m 35 s");
  expect(runnerDetails(runner, NOW)).toBe("runner 0.3.0 · up 2 h · load 0.42 0.30 0.00");
  expect(runnerDetails({ ...runner, kind: "service", started: NOW, load: null }, NOW)).toBe(
    "service 0.3.0 · up 0 s",
  );
  const dead = { ...runner, id: "r0", host: "a", alive: false };
  const busy = { ...runner, id: "r2", host: "z", running: [work] };
  expect(inOrder([dead, runner, busy]).map(({ id }) => id)).toEqual(["r2", "r1", "r0"]);
});
