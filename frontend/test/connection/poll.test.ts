import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backoffMs } from "../../src/connection/backoff";
import { isSettled, query } from "../../src/connection/connection";
import { PAGE_SIZE, PollTransport } from "../../src/connection/poll";
import { ProblemError } from "../../src/service/api";
import type { Frame } from "../../src/service/wire";
import { frame } from "../frames";

/** Answers in turn; the last one is given again and again. */
function polled(answers: (Frame | Error)[], hidden = false) {
  const asked: number[] = [];
  const epochs: unknown[] = [];
  const log: string[] = [];
  const source = {
    logs: async (_run: string, since: number, epoch: unknown) => {
      const next = answers[Math.min(asked.length, answers.length - 1)];
      asked.push(since);
      epochs.push(epoch);
      if (next instanceof Error) throw next;
      return next as Frame;
    },
  };
  const transport = new PollTransport(
    source,
    "r",
    {
      frame: (frame) => log.push(`frame ${frame.next_index}`),
      failed: (failure) => log.push(`failed ${failure.gone ?? failure.reason}`),
    },
    { hidden: () => hidden, now: () => 0 },
  );
  return { transport, asked, epochs, log };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("the poll", () => {
  it("asks again 200 ms after an answer and ends with the last event", async () => {
    const { transport, asked, epochs, log } = polled([
      frame({ next_index: 3 }),
      frame({ status: "completed", next_index: 3 }),
      frame({ status: "completed", next_index: 4, expected_log_count: 5 }),
      frame({ status: "completed", next_index: 5, expected_log_count: 5 }),
    ]);
    transport.start({ since: 1, epoch: "1" });
    await vi.advanceTimersByTimeAsync(199);
    expect(asked).toEqual([1]);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(asked).toEqual([1, 3, 3, 4]);
    expect(epochs).toEqual(["1", "1", "1", "1"]);
    expect(log.at(-1)).toBe("frame 5");
    expect(vi.getTimerCount()).toBe(0);
  });

  it("asks at once after a full page", async () => {
    const logs = Array.from({ length: PAGE_SIZE }, (_, seq) => ({ seq, ts: 0, event: "log" }));
    const { transport, asked } = polled([
      frame({ logs, next_index: PAGE_SIZE }),
      frame({ next_index: PAGE_SIZE }),
    ]);
    transport.start({ since: 0, epoch: "1" });
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toEqual([0, PAGE_SIZE]);
    transport.stop();
  });

  it("slows down in a hidden tab and wakes up when nudged", async () => {
    const { transport, asked } = polled([frame()], true);
    transport.start({ since: 0, epoch: "1" });
    await vi.advanceTimersByTimeAsync(900);
    expect(asked).toHaveLength(1);
    transport.nudge();
    await vi.advanceTimersByTimeAsync(1);
    expect(asked).toHaveLength(2);
    transport.stop();
  });

  it("gives up at the first failure and says what it was", async () => {
    for (const [error, said] of [
      [new TypeError("refused"), "failed The service cannot be reached"],
      [new DOMException("", "TimeoutError"), "failed The service did not answer in time"],
      [new ProblemError(503, { detail: "Redis is away." }), "failed Redis is away."],
      [new ProblemError(404, {}), "failed unknown"],
      [new ProblemError(410, {}), "failed expired"],
    ] as const) {
      const { transport, log } = polled([frame({ next_index: 7 }), error as Error]);
      transport.start({ since: 0, epoch: "1" });
      await vi.advanceTimersByTimeAsync(5_000);
      expect(log).toEqual(["frame 7", said]);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it("says nothing after it was stopped", async () => {
    const { transport, log } = polled([frame()]);
    transport.start({ since: 0, epoch: "1" });
    transport.stop();
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

it("writes the cursor as the routes take it", () => {
  expect(query({ since: 4, epoch: null })).toBe("since=4");
  expect(query({ since: 4, epoch: "1795" })).toBe("since=4&epoch=1795");
});
