import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Connection, ConnectionListener, ConnectionState } from "../../src/connection/connection";
import { RunSession } from "../../src/run/session";
import { type Api, ProblemError } from "../../src/service/api";
import type { Frame, RunStatus, RunSummary, Snapshot, TailEvent, TraceWindow } from "../../src/service/wire";
import { frame as frameOf } from "../frames";

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";

function frame(change: Partial<Frame>): Frame {
  return frameOf({ run_id: ID, ...change });
}

function event(seq: number, name = "log"): TailEvent {
  return { seq, ts: seq, event: name };
}

function snapshot(next: number, epoch = "1"): Snapshot {
  return { run: { run_id: ID, status: "running" }, spans: [], next_index: next, epoch };
}

function opened(
  snapshots: (Snapshot | Error)[],
  history: Frame = frame({}),
  looks: (RunSummary | Error)[] = [],
  windows: TraceWindow[] = [],
) {
  const states: ConnectionState[] = [];
  const notices: string[] = [];
  const started: [number, unknown][] = [];
  let asked = 0;
  let listener: ConnectionListener | undefined;
  const api = {
    opening: async () => {
      const next = snapshots[Math.min(asked++, snapshots.length - 1)];
      if (next instanceof Error) throw next;
      return next as Snapshot;
    },
    run: async () => {
      const look = looks.shift() ?? { run_id: ID, status: "running" };
      if (look instanceof Error) throw look;
      return look;
    },
    logsBefore: async () => history,
    window: async () => windows.shift(),
  } as unknown as Api;
  const connect = (_id: string, given: ConnectionListener): Connection => {
    listener = given;
    return { start: (since, epoch) => started.push([since, epoch]), stop: () => {}, nudge: () => {} };
  };
  const session = new RunSession(api, ID, connect, {
    changed: () => {},
    state: (state) => states.push(state),
    notice: (text) => notices.push(text),
  });
  const heard = () => {
    if (!listener) throw new Error("not connected");
    return listener;
  };
  return { session, states, notices, started, heard, asked: () => asked };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

it("follows from the snapshot's next index and fills the livetail with what came before", async () => {
  const { session, started, heard } = opened(
    [snapshot(5)],
    frame({ logs: [3, 4, 5].map((seq) => event(seq)), first_index: 3 }),
  );
  await session.open();
  expect(started).toEqual([[5, "1"]]);
  heard().frame(
    frame({ logs: [event(5)], next_index: 6, first_index: 3, dropped: { queue_full: 2 }, corrected: 1 }),
  );
  await vi.waitFor(() => expect(session.store.tail.map((each) => each.seq)).toEqual([3, 4, 5]));
  expect(session.dropped).toEqual({ queue_full: 2 });
  expect(session.marks.corrected).toBe(1);
  expect(session.hasEarlier).toBe(false);
});

it("takes the snapshot again when the tail cannot be followed, and says so at a new epoch", async () => {
  const { session, started, notices, heard } = opened([snapshot(5), snapshot(9), snapshot(1, "2")]);
  await session.open();
  heard().stale("reset");
  await vi.waitFor(() => expect(started).toHaveLength(2));
  expect(notices).toEqual([]);
  heard().stale("epoch");
  await vi.waitFor(() => expect(started).toHaveLength(3));
  expect(started.at(-1)).toEqual([1, "2"]);
  expect(notices).toHaveLength(1);
});

it("tells unknown from expired", async () => {
  for (const [status, expired] of [
    [404, false],
    [410, true],
  ] as const) {
    const { session, states, started } = opened([new ProblemError(status, {})]);
    await session.open();
    expect(states).toEqual([{ phase: "gone", expired }]);
    expect(started).toEqual([]);
  }
});

it("tries again until the service is there, at once when nudged", async () => {
  const { session, states, started, asked } = opened([new TypeError("refused"), snapshot(2)]);
  const opening = session.open();
  await vi.advanceTimersByTimeAsync(0);
  expect(states.at(-1)?.phase).toBe("reconnecting");
  expect(asked()).toBe(1);
  session.nudge();
  await opening;
  expect(started).toEqual([[2, "1"]]);
});

/** What the list says of the run, with so many spans. */
function listed(spans: number, status: RunStatus = "completed"): RunSummary {
  return { run_id: ID, status, spans };
}

async function settled() {
  const all = opened([{ ...snapshot(2), spans: [{ span_id: "a" }, { span_id: "b" }] }]);
  await all.session.open();
  all.heard().frame(frame({ status: "completed", next_index: 2, expected_log_count: 2 }));
  all.heard().state({ phase: "settled" });
  return { ...all, resumed: () => all.started.length - 1 };
}

it("knows when its snapshot is here", async () => {
  const { session } = opened([snapshot(2)]);
  expect(session.loaded).toBe(false);
  await session.open();
  expect(session.loaded).toBe(true);
});

it("follows again when the list has more of a settled run, though it said nothing since", async () => {
  const { session, started, resumed } = await settled();
  session.compare(listed(3));
  expect(resumed()).toBe(1);
  expect(started.at(-1)).toEqual([2, "1"]);
  session.compare(listed(3));
  expect(resumed()).toBe(1); // asked for that once
});

it("compares once it has settled with what the list said before", async () => {
  const { session, heard, resumed } = await settled();
  session.compare(listed(3));
  heard().state({ phase: "live", latencyMs: 1, transport: "websocket" });
  session.compare(listed(4)); // it is here sooner than what is followed
  heard().frame(frame({ status: "completed", next_index: 3, expected_log_count: 3 }));
  heard().state({ phase: "settled" });
  expect(resumed()).toBe(2);
  heard().state({ phase: "settled" });
  expect(resumed()).toBe(2); // asked for that once
});

it("does not follow a run again and again that the list takes for alive longer than its events say", async () => {
  const { session, heard, resumed } = await settled();
  session.compare(listed(2));
  session.compare(listed(2, "running"));
  expect(resumed()).toBe(1);
  heard().state({ phase: "live", latencyMs: 1, transport: "websocket" });
  heard().frame(frame({ status: "completed", next_index: 2, expected_log_count: 2 }));
  heard().state({ phase: "settled" });
  expect(resumed()).toBe(1);
});

it("follows again when a settled run is alive once more, and not while the list is behind", async () => {
  const { session, heard, resumed } = await settled();
  session.compare(listed(1, "running"));
  session.compare(listed(2, "running"));
  session.compare(listed(2));
  expect(resumed()).toBe(0);
  session.compare(listed(2, "running"));
  expect(resumed()).toBe(1);
  heard().state({ phase: "live", latencyMs: 1, transport: "poll" });
  session.compare(listed(9));
  expect(resumed()).toBe(1); // it is being followed
});

it("looks again at a run that has ended when the page wakes up: it went on, was lost and sent again, or expired", async () => {
  const then = (change: Partial<RunSummary>): RunSummary => ({ run_id: ID, status: "completed", ...change });
  const looks = [
    then({ epoch: "1", next_index: 5 }),
    then({ epoch: "1", next_index: 8 }),
    then({ epoch: "2", next_index: 2 }),
    new ProblemError(410, {}),
    new TypeError("refused"),
  ];
  const { session, started, notices } = opened([snapshot(5), snapshot(2, "2")], frame({}), looks);
  await session.open();
  const wakes = async () => {
    session.state = { phase: "settled" };
    session.nudge();
    await vi.advanceTimersByTimeAsync(0);
  };
  await wakes();
  expect(started).toHaveLength(1);
  await wakes();
  expect(started.at(-1)).toEqual([5, "1"]);
  await wakes();
  expect(started.at(-1)).toEqual([2, "2"]);
  expect(notices).toEqual([]);
  await wakes();
  await wakes();
  expect(notices).toHaveLength(1);
  expect(started).toHaveLength(3);
});

it("corrects the clocks of spans that come live, also where a clock was not known at first", async () => {
  const span = (id: string, host: string, skew?: number) => ({
    span_id: id,
    runner: `${host}:1:2`,
    start: 100,
    status: "ok" as const,
    ...(skew === undefined ? {} : { clock_skew_us: skew }),
  });
  const first = { ...snapshot(0), spans: [span("root", "web"), span("a", "db", 50)] };
  const run: RunSummary = { run_id: ID, status: "running" };
  const found = [
    { host: "db", service: "s", skew_us: 60, spans: 2 },
    { host: "late", service: null, skew_us: -7, spans: 1 },
  ];
  const { session, heard } = opened([first], frame({}), [{ ...run, epoch: "1", clock_skew: found }]);
  await session.open();
  const come = (seq: number, id: string, host: string) => ({
    ...event(seq, "span_complete"),
    ...span(id, host),
  });
  const logs = [come(0, "b", "db"), come(1, "c", "late"), come(2, "d", "web")];
  heard().frame(frame({ logs, next_index: 3 }));
  const skews = () => ["root", "a", "b", "c", "d"].map((id) => session.store.spans.get(id)?.clock_skew_us);
  expect(skews()).toEqual([undefined, 50, 50, undefined, undefined]);
  const { version } = session.store;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(skews()).toEqual([undefined, 60, 60, -7, undefined]);
  expect(session.store.version).toBeGreaterThan(version);
  session.close();
});

it("asks the index of a larger run for its clocks, once the service has read all of it", async () => {
  const span = (id: string, host: string) => ({
    span_id: id,
    runner: `${host}:1:2`,
    start: 100,
    status: "ok" as const,
  });
  const run: RunSummary = { run_id: ID, status: "running" };
  const many = Array.from({ length: 2_001 }, (_, at) => span(`s${at}`, at === 0 ? "web" : "db"));
  const clock_skew = [{ host: "db", service: "s", skew_us: 60, spans: 2_001 }];
  const window = { spans: [], folded: {}, next_index: 0, epoch: "1", indexed: 2_001 };
  const { session, heard } = opened(
    [{ ...snapshot(0), spans: many }],
    frame({}),
    [],
    [
      { ...window, run, complete: false },
      { ...window, run: { ...run, clock_skew }, complete: true },
    ],
  );
  await session.open();
  const come = (seq: number) =>
    heard().frame(
      frame({ logs: [{ ...event(seq, "span_complete"), ...span(`t${seq}`, "db") }], next_index: seq + 1 }),
    );
  const skew = (id: string) => session.store.spans.get(id)?.clock_skew_us;
  come(0);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(skew("t0")).toBe(undefined);
  come(1);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(["s0", "s1", "t0", "t1"].map(skew)).toEqual([undefined, 60, 60, 60]);
  come(2);
  expect(skew("t2")).toBe(60);
  session.close();
});
