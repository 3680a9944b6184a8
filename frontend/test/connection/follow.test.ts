import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type {
  Cursor,
  Failure,
  TransportKind,
  TransportListener,
  TransportName,
} from "../../src/connection/connection";
import { RunConnection } from "../../src/connection/follow";
import { frame } from "../frames";

interface Opened {
  name: TransportName;
  listener: TransportListener;
  cursor: Cursor | null;
  stopped: boolean;
  nudges: number;
}

function followed() {
  const opened: Opened[] = [];
  const log: string[] = [];
  const kind = (name: TransportName): TransportKind => ({
    name,
    open: (_runId, listener) => {
      const one: Opened = { name, listener, cursor: null, stopped: false, nudges: 0 };
      opened.push(one);
      return {
        start: (cursor) => {
          one.cursor = cursor;
        },
        stop: () => {
          one.stopped = true;
        },
        nudge: () => {
          one.nudges++;
        },
      };
    },
  });
  const connection = new RunConnection(
    [kind("websocket"), kind("sse"), kind("poll")],
    "r",
    {
      frame: (given) => log.push(`frame ${given.next_index}`),
      state: (state) => log.push(state.phase === "live" ? `live ${state.transport}` : state.phase),
      stale: (reason) => log.push(`stale ${reason}`),
    },
    { random: () => 1, now: () => Date.now() },
  );
  const last = () => {
    const one = opened.at(-1);
    if (!one) throw new Error("nothing was opened");
    return one;
  };
  const fail = (failure: Partial<Failure> = {}) => last().listener.failed({ reason: "cut", ...failure });
  return { connection, opened, log, last, fail };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe("following a run", () => {
  it("says which transport is in use and ends with the run", () => {
    const { connection, log, last } = followed();
    connection.start(3, "1");
    expect(last()).toMatchObject({ name: "websocket", cursor: { since: 3, epoch: "1" } });
    last().listener.frame(frame({ next_index: 4 }), 8);
    last().listener.frame(frame({ next_index: 5, status: "completed", expected_log_count: 5 }), 8);
    expect(log).toEqual(["live websocket", "frame 4", "live websocket", "frame 5", "settled"]);
    expect(last().stopped).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("falls back at once from what never worked, with the same cursor", () => {
    const { connection, opened, log, last, fail } = followed();
    connection.start(3, "1");
    fail();
    fail();
    expect(opened.map((one) => one.name)).toEqual(["websocket", "sse", "poll"]);
    expect(last().cursor).toEqual({ since: 3, epoch: "1" });
    last().listener.frame(frame({ next_index: 9 }), 2);
    expect(log).toEqual(["live poll", "frame 9"]);
    connection.stop();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("comes back by what had worked, from where it was cut, and falls back after three failures", async () => {
    const { connection, opened, log, last, fail } = followed();
    connection.start(0, "1");
    last().listener.frame(frame({ next_index: 7 }), 8);
    fail();
    expect(log.at(-1)).toBe("reconnecting");
    await vi.advanceTimersByTimeAsync(500);
    expect(last()).toMatchObject({ name: "websocket", cursor: { since: 7, epoch: "1" } });
    fail();
    await vi.advanceTimersByTimeAsync(1_000);
    fail();
    expect(opened.map((one) => one.name)).toEqual(["websocket", "websocket", "websocket", "sse"]);
    fail();
    fail();
    expect(log.at(-1)).toBe("reconnecting");
    await vi.advanceTimersByTimeAsync(2_000);
    expect(last()).toMatchObject({ name: "websocket", cursor: { since: 7, epoch: "1" } });
    connection.stop();
  });

  it("tries the best again beside a lesser one, which goes on until that has delivered", async () => {
    const { connection, opened, log, last, fail } = followed();
    connection.start(0, "1");
    fail();
    const sse = last();
    sse.listener.frame(frame({ next_index: 1 }), null);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(last().name).toBe("websocket");
    fail();
    sse.listener.frame(frame({ next_index: 2 }), null);
    expect(sse.stopped).toBe(false);
    await vi.advanceTimersByTimeAsync(30_000);
    const better = last();
    expect(better).toMatchObject({ name: "websocket", cursor: { since: 2, epoch: "1" } });
    better.listener.frame(frame({ next_index: 3 }), 1);
    expect(sse.stopped).toBe(true);
    expect(log.slice(-2)).toEqual(["live websocket", "frame 3"]);
    sse.listener.frame(frame({ next_index: 3 }), null);
    expect(log.slice(-2)).toEqual(["live websocket", "frame 3"]);
    expect(opened).toHaveLength(4);
    connection.stop();
    expect(better.stopped).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it("asks for the snapshot at a reset and at a new epoch, and stops", () => {
    for (const [change, reason] of [
      [{ reset: true }, "reset"],
      [{ epoch: "2", reset: true }, "epoch"],
    ] as const) {
      const { connection, log, last } = followed();
      connection.start(0, "1");
      last().listener.frame(frame(change), 1);
      expect(log).toEqual([`stale ${reason}`]);
      expect(last().stopped).toBe(true);
    }
  });

  it("knows a run that is unknown or has expired", () => {
    for (const gone of ["unknown", "expired"] as const) {
      const { connection, opened, log, fail } = followed();
      connection.start(0, "1");
      fail({ gone });
      expect(log).toEqual(["gone"]);
      expect(opened).toHaveLength(1);
      expect(vi.getTimerCount()).toBe(0);
    }
  });

  it("waits for a run that was here a moment ago: its writers may tell it again", async () => {
    const { connection, opened, log, last, fail } = followed();
    connection.start(0, "1");
    last().listener.frame(frame({ next_index: 1 }), 1);
    fail({ gone: "unknown" });
    expect(log.at(-1)).toBe("reconnecting");
    await vi.advanceTimersByTimeAsync(500);
    expect(opened).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(20_000);
    fail({ gone: "unknown" });
    expect(log.at(-1)).toBe("gone");
  });

  it("leaves a transport that is useless here although it had worked", () => {
    const { connection, last, fail } = followed();
    connection.start(0, "1");
    last().listener.frame(frame({ next_index: 1 }), 1);
    fail({ useless: true });
    expect(last().name).toBe("sse");
    connection.stop();
  });

  it("does not wait when nudged", () => {
    const { connection, opened, last, fail } = followed();
    connection.start(0, "1");
    last().listener.frame(frame(), 1);
    connection.nudge();
    expect(last().nudges).toBe(1);
    fail();
    connection.nudge();
    expect(opened).toHaveLength(2);
    connection.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});
