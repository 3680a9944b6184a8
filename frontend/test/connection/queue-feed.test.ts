import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { TransportListener } from "../../src/connection/connection";
import { QueueFeed } from "../../src/queue/queue-feed";
import { ProblemError } from "../../src/service/api";
import type { QueueAnswer } from "../../src/service/wire-work";

const COUNTS = { pending: 0, delayed: 0, running: 0, failed: 0 };

function content(version: number): QueueAnswer {
  return { version, changed: true, counts: COUNTS, items: [] };
}

/** A feed whose sockets and answers are the test's. */
function fed(answer: (version: number | null) => Promise<QueueAnswer> = async () => content(1)) {
  const log: string[] = [];
  const sockets: (TransportListener<QueueAnswer> & { stopped: boolean })[] = [];
  const asked: (number | null)[] = [];
  const api = {
    queue: (version: number | null) => {
      asked.push(version);
      return answer(version);
    },
  };
  const feed = new QueueFeed(
    api,
    {
      changed: ({ version }) => log.push(`version ${version}`),
      away: (reason) => reason && log.push(reason),
    },
    (listener) => {
      const socket = { ...listener, stopped: false };
      sockets.push(socket);
      return {
        start() {},
        stop() {
          socket.stopped = true;
        },
        nudge() {},
      };
    },
  );
  return { feed, log, sockets, asked };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", { hidden: false });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("takes what is pushed, and asks for nothing", async () => {
  const { feed, log, sockets, asked } = fed();
  feed.start();
  sockets[0]?.frame(content(7), null);
  sockets[0]?.frame({ version: 7, changed: false }, null);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(log).toEqual(["version 7"]);
  expect(asked).toEqual([]);
  feed.stop();
  expect(sockets[0]?.stopped).toBe(true);
});

it("asks while no socket works, by the version that it has, and goes back to the first that does", async () => {
  const { feed, log, sockets, asked } = fed(async (version) =>
    version === 3 ? { version: 3, changed: false } : content(3),
  );
  feed.start();
  sockets[0]?.failed({ reason: "The connection was cut" });
  await vi.advanceTimersByTimeAsync(4_000);
  expect(asked).toEqual([null, 3, 3]);
  expect(log).toEqual(["version 3"]);
  await vi.advanceTimersByTimeAsync(26_000);
  expect(sockets).toHaveLength(2);
  sockets[1]?.frame(content(9), null);
  const before = asked.length;
  await vi.advanceTimersByTimeAsync(30_000);
  expect(asked).toHaveLength(before);
  expect(log).toEqual(["version 3", "version 9"]);
  sockets[0]?.frame(content(1), null); // one that was given up says nothing any more
  expect(log).toHaveLength(2);
  feed.stop();
  expect(vi.getTimerCount()).toBe(0);
});

it("says why nothing comes, and goes on", async () => {
  let down = true;
  const { feed, log, sockets } = fed(async () => {
    if (down) throw new ProblemError(503, { detail: "The live store does not answer." });
    return content(2);
  });
  feed.start();
  sockets[0]?.failed({ reason: "The connection was cut" });
  await vi.advanceTimersByTimeAsync(0);
  expect(log).toEqual(["The live store does not answer"]);
  down = false;
  await vi.advanceTimersByTimeAsync(2_000);
  expect(log.at(-1)).toBe("version 2");
  feed.stop();
});

it("asks at once when the page wakes up, beside another socket: the one before may be dead", async () => {
  let night = false;
  const { feed, log, sockets } = fed(async () => content(night ? 5 : 1));
  feed.wake(); // nobody looks at the queue
  expect(sockets).toHaveLength(0);
  feed.start();
  sockets[0]?.frame(content(1), null);
  night = true;
  feed.wake();
  await vi.advanceTimersByTimeAsync(0);
  expect(log).toEqual(["version 1", "version 5"]);
  expect(sockets.map(({ stopped }) => stopped)).toEqual([true, false]);
  sockets[1]?.frame(content(6), null);
  feed.stop();
  expect(vi.getTimerCount()).toBe(0);
});
