import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Connection, ConnectionListener } from "../../src/connection/connection";
import { RunSession } from "../../src/run/session";
import { visibleRows } from "../../src/run/tree/rows";
import type { Api, WindowQuery } from "../../src/service/api";
import type {
  Folded,
  Frame,
  RunSummary,
  Snapshot,
  SpanState,
  TailEvent,
  TraceWindow,
} from "../../src/service/wire";
import { RunStore } from "../../src/store";

const ID = "4bf92f3577b34da6a3ce929d0e0e4736";
const RUN: RunSummary = { run_id: ID, status: "running", spans: 100_000, open: 3, errors: 7, start: 1 };

function span(id: string, parent: string | null, change: Partial<SpanState> = {}): SpanState {
  const start = Number.parseInt(id, 36);
  return {
    span_id: id,
    parent_id: parent,
    rev: 1,
    status: "ok",
    kind: "span",
    event: "span_complete",
    start,
    end: start + 5,
    ...change,
  } as SpanState;
}

function fold(spans: number, change: Partial<Folded> = {}): Folded {
  return {
    spans,
    errors: 0,
    running: 0,
    llm: 0,
    priced: 0,
    unpriced: 0,
    cost_nano: 0,
    after: null,
    ...change,
  };
}

function part(
  spans: SpanState[],
  folded: Record<string, Folded>,
  change: Partial<TraceWindow> = {},
): TraceWindow {
  const head = { run: RUN, next_index: 5, epoch: "1", indexed: 100_000, complete: true };
  return { ...head, spans, folded, ...change };
}

function rows(store: RunStore): string[] {
  return visibleRows(store.tree, new Set()).map((node) => node.id);
}

function frame(logs: TailEvent[]): Frame {
  const next_index = (logs.at(-1)?.seq ?? 4) + 1;
  const head = { run_id: ID, status: "running", first_index: 0, reset: false, epoch: "1" } as const;
  return { ...head, logs, next_index, expected_log_count: null };
}

describe("a run that is here in parts", () => {
  const FIRST = part([span("a", null), span("b", "a"), span("c", "a")], {
    a: fold(97, { errors: 7, cost_nano: 900, priced: 9, llm: 9, after: "c" }),
    b: fold(1),
  });

  it("has a row for what is folded, behind the children that are here, none where none is, and counts the whole", () => {
    const store = new RunStore();
    store.loadWindow(FIRST);
    expect(rows(store)).toEqual(["a", "b", "c", "fold:a"]);
    expect(store.tree.get("a")?.total).toMatchObject({ cost: 900, errors: 7 });
    expect([store.spanCount, store.errorCount, store.runningCount]).toEqual([100_000, 7, 3]);
  });

  it("takes away from what is folded what a further part brings", () => {
    const store = new RunStore();
    store.loadWindow(FIRST);
    const call = { kind: "llm_call", cost_nano: 100 } as const;
    store.addWindow(
      part([span("a", null), span("d", "a", call), span("e", "a")], {
        a: fold(97, { cost_nano: 800, after: "e" }),
      }),
    );
    expect(rows(store)).toEqual(["a", "b", "c", "d", "e", "fold:a"]);
    // Of 97 below "a" and not in that part, "b" with the one below it and "c" are here.
    expect(store.folded.get("a")).toMatchObject({ spans: 94, cost_nano: 800, after: "e" });
    expect(store.tree.get("a")?.total.cost).toBe(900);
    // A look at the first part again does not go back.
    store.addWindow(FIRST);
    expect(store.folded.get("a")).toMatchObject({ spans: 95, after: "e" });
    store.addWindow(part([span("b", "a"), span("f", "b")], {}));
    expect(rows(store)).not.toContain("fold:b");
  });

  it("takes a new span from the tail where all its siblings are here, and leaves the others to the next look", () => {
    const store = new RunStore();
    store.loadWindow(FIRST);
    const heard = (seq: number, id: string, parent: string): TailEvent =>
      ({ ...span(id, parent), ts: 9, event: "span_complete", seq }) as TailEvent;
    store.fold(frame([heard(5, "x", "c"), heard(6, "y", "a"), heard(7, "z", "q")]));
    expect(rows(store)).toEqual(["a", "b", "c", "x", "fold:a"]);
    expect(store.tail).toHaveLength(3);
  });

  it("keeps the tail when what was opened is folded again", () => {
    const store = new RunStore();
    store.loadWindow(FIRST);
    store.fold(frame([{ seq: 5, ts: 1, event: "log" }]));
    store.addWindow(part([span("b", "a"), span("f", "b")], {}));
    store.foldAgain(FIRST);
    expect(rows(store)).toEqual(["a", "b", "c", "fold:a"]);
    expect([store.tail.length, store.nextIndex]).toEqual([1, 6]);
  });
});

describe("a session of a large run", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  function opened(answer: (asked: WindowQuery) => TraceWindow) {
    const asked: WindowQuery[] = [];
    let heard: ConnectionListener | undefined;
    const api = {
      opening: async (): Promise<Snapshot | TraceWindow> => {
        asked.push({});
        return answer({});
      },
      window: async (_id: string, query: WindowQuery) => {
        asked.push(query);
        return answer(query);
      },
      logsBefore: async () => frame([]),
    } as unknown as Api;
    const connect = (_id: string, listener: ConnectionListener): Connection => {
      heard = listener;
      return { start: () => {}, stop: () => {}, nudge: () => {} };
    };
    const session = new RunSession(api, ID, connect, { changed() {}, state() {}, notice() {} });
    return { session, asked, tell: (logs: TailEvent[]) => heard?.frame(frame(logs)) };
  }

  it("takes a small run whole and a large one in parts", async () => {
    const small = opened(
      () => ({ run: RUN, spans: [span("a", null)], next_index: 5, epoch: "1" }) as TraceWindow,
    );
    await small.session.open();
    expect([small.session.store.whole, rows(small.session.store)]).toEqual([null, ["a"]]);
    const large = opened(() => part([span("a", null)], { a: fold(9) }));
    await large.session.open();
    expect([large.session.store.whole?.run_id, large.asked.length]).toEqual([ID, 1]);
    expect(rows(large.session.store)).toEqual(["a"]);
    expect(large.session.store.tree.get("a")?.children.map(({ foldOf }) => foldOf)).toEqual(["a"]);
  });

  it("asks for more on demand, and for the way to a span that is not here", async () => {
    const { session, asked } = opened(({ root }) =>
      root === undefined
        ? part([span("a", null)], { a: fold(9, { after: "b" }) })
        : part([span("a", null), span("c", "a")], { a: fold(8) }),
    );
    await session.open();
    await session.unfold("a");
    expect(asked.at(-1)).toEqual({ depth: 2, limit: 500, root: "a", after: "b" });
    expect(rows(session.store)).toEqual(["a", "c", "fold:a"]);
    expect(await session.reach("c")).toBe(true);
    expect(asked).toHaveLength(2);
    expect(await session.reach("d")).toBe(false);
    expect(asked.at(-1)).toMatchObject({ root: "d", path: true });
  });

  it("looks again when something has happened that is not here, and while the service still reads", async () => {
    const answers = [false, false, true].map((complete) =>
      part([span("a", null)], { a: fold(9) }, { complete }),
    );
    const { session, asked, tell } = opened(() => answers.shift() ?? part([span("a", null)], { a: fold(3) }));
    await session.open();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toHaveLength(3);
    tell([{ ...span("x", "q"), ts: 9, event: "span_complete", seq: 5 } as TailEvent]);
    tell([{ ...span("y", "q"), ts: 9, event: "span_complete", seq: 6 } as TailEvent]);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(asked).toHaveLength(4);
    expect(session.store.folded.get("a")?.spans).toBe(3);
    session.close();
  });
});

describe("the clocks of a run that is here in parts", () => {
  const behind = (id: string, parent: string | null) => span(id, parent, { service: "bank" });

  it("are those of the last window, whenever a span came", () => {
    const store = new RunStore();
    const known = (skew?: number): Partial<TraceWindow> =>
      skew === undefined
        ? {}
        : { run: { ...RUN, clock_skew: [{ service: "bank", host: null, skew_us: skew, spans: 9 }] } };
    const skews = () => ["a", "b", "c", "d"].map((id) => store.spans.get(id)?.clock_skew_us);
    store.loadWindow(part([span("a", null), behind("b", "a")], { a: fold(97) }, { complete: false }));
    expect(skews()).toEqual([undefined, undefined, undefined, undefined]);
    store.foldAgain(part([span("a", null), behind("b", "a")], { a: fold(97) }, known(-5)));
    expect(skews()).toEqual([undefined, -5, undefined, undefined]);
    store.addWindow(part([behind("c", "b")], {}, known(-7)));
    store.fold(frame([{ ...behind("d", "c"), seq: 5, ts: 1, event: "span_complete" } as TailEvent]));
    expect(skews()).toEqual([undefined, -7, -7, -7]);
    store.addWindow(part([], {}, known()));
    expect(skews()).toEqual([undefined, undefined, undefined, undefined]);
  });
});
