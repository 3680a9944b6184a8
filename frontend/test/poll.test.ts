import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ProblemError } from "../src/api";
import { backoffMs } from "../src/connection/backoff";
import { isSettled } from "../src/connection/connection";
import { PAGE_SIZE, PollConnection } from "../src/connection/poll";
import type { Frame } from "../src/wire";

function answer(change: Partial<Frame> = {}): Frame {
  return {
    run_id: "r",
    status: "running",
    logs: [],
    next_index: 0,
    first_index: 0,
    reset: false,
    epoch: "1",
    expected_log_count: null,
    ...change,
  };
}

/** Answers in turn; the last one is given again and again. */
function polled(answers: (Frame | Error)[], hidden = false) {
  const asked: number[] = [];
  const log: string[] = [];
  const source = {
    logs: async (_run: string, since: number) => {
      const next = answers[Math.min(asked.length, answers.length - 1)];
      asked.push(since);
      if (next instanceof Error) throw next;
      return next as Frame;
    },
  };
  const connection = new PollConnection(
    source,
    "r",
    {
      frame: (frame) => log.push(`frame ${frame.next_index}`),
      state: (state) => log.push(state.phase),
      stale: (reason) => log.push(`stale ${reason}`),
    },
    { hidden: () => hidden, now: () => 0, random: () => 1 },
  );
  return { connection, asked, log };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the poll", () => {
  it("asks again 200 ms after an answer and ends with the last event", async () => {
    const { connection, asked, log } = polled([
      answer({ next_index: 3 }),
      answer({ status: "completed", next_index: 3 }),
      answer({ status: "completed", next_index: 4, expected_log_count: 5 }),
      answer({ status: "completed", next_index: 5, expected_log_count: 5 }),
    ]);
    connection.start(1, "1");
    await vi.advanceTimersByTimeAsync(199);
    expect(asked).toEqual([1]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(asked).toEqual([1, 3, 3, 4]);
    expect(log.at(-1)).toBe("settled");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("asks at once after a full page", async () => {
    const logs = Array.from({ length: PAGE_SIZE }, (_, seq) => ({ seq, ts: 0, event: "log" }));
    const { connection, asked } = polled([
      answer({ logs, next_index: PAGE_SIZE }),
      answer({ next_index: PAGE_SIZE }),
    ]);
    connection.start(0, "1");
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toEqual([0, PAGE_SIZE]);
    connection.stop();
  });

  it("slows down in a hidden tab and wakes up when nudged", async () => {
    const { connection, asked } = polled([answer()], true);
    connection.start(0, "1");
    await vi.advanceTimersByTimeAsync(900);
    expect(asked).toHaveLength(1);
    connection.nudge();
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toHaveLength(2);
    connection.stop();
  });

  it("backs off when the service is away and goes on where it was", async () => {
    const { connection, asked, log } = polled([
      answer({ next_index: 7 }),
      new TypeError("refused"),
      new TypeError("refused"),
      answer({ next_index: 7 }),
    ]);
    connection.start(0, "1");
    await vi.advanceTimersByTimeAsync(200);
    expect(log.at(-1)).toBe("reconnecting");
    await vi.advanceTimersByTimeAsync(499);
    expect(asked).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(1_001);
    expect(asked).toEqual([0, 7, 7, 7]);
    expect(log.slice(-2)).toEqual(["live", "frame 7"]);
    connection.stop();
  });

  it("asks for the snapshot at a reset and at a new epoch, and stops", async () => {
    for (const [change, reason] of [
      [{ reset: true }, "reset"],
      [{ epoch: "2", reset: true }, "epoch"],
    ] as const) {
      const { connection, asked, log } = polled([answer(change)]);
      connection.start(0, "1");
      await vi.advanceTimersByTimeAsync(5_000);
      expect(log).toEqual([`stale ${reason}`]);
      expect(asked).toHaveLength(1);
    }
  });

  it("knows a run that is unknown or has expired", async () => {
    for (const status of [404, 410]) {
      const { connection, asked, log } = polled([new ProblemError(status, {})]);
      connection.start(0, "1");
      await vi.advanceTimersByTimeAsync(5_000);
      expect(log).toEqual(["gone"]);
      expect(asked).toHaveLength(1);
    }
  });

  it("says nothing after it was stopped", async () => {
    const { connection, log } = polled([answer()]);
    connection.start(0, "1");
    connection.stop();
    await vi.advanceTimersByTimeAsync(5_000);
    expect(log).toEqual([]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

it("settles only with a final status and everything read", () => {
  expect(isSettled({ status: "running", expected_log_count: 3, next_index: 3 })).toBe(false);
  expect(isSettled({ status: "failed", expected_log_count: null, next_index: 3 })).toBe(false);
  expect(isSettled({ status: "failed", expected_log_count: 3, next_index: 2 })).toBe(false);
  expect(isSettled({ status: "abandoned", expected_log_count: 3, next_index: 3 })).toBe(true);
});

it("doubles the wait up to ten seconds, with jitter", () => {
  expect([1, 2, 3, 9, 99].map((attempt) => backoffMs(attempt, () => 1))).toEqual([
    500, 1_000, 2_000, 10_000, 10_000,
  ]);
  expect(backoffMs(3, () => 0)).toBe(1_000);
});
