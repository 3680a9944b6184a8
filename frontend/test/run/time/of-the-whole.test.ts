import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { OfTheWhole } from "../../../src/run/time/of-the-whole";
import { TimeView } from "../../../src/run/time/time-view";
import { letters, WholeMinimap } from "../../../src/run/time/whole-minimap";
import { WholeTimes } from "../../../src/run/time/whole-times";
import type { MinimapQuery } from "../../../src/service/api";
import type { RunTimes } from "../../../src/service/wire";
import { RUN, store } from "../part-of-a-run";

describe("the time of a run that is here in parts", () => {
  const said = (start: number | null, gaps: [number, number][] = []): RunTimes => ({
    start,
    end: start === null ? null : 1_000,
    outside: 3,
    skewed: 7,
    gaps,
    epoch: "1",
    indexed: 100,
    complete: true,
  });

  it("is that of the whole, with its waits and its clocks; before it is here, that of the part", async () => {
    const held = store();
    const asked: unknown[] = [];
    const times = new WholeTimes(
      {
        times: async (_run, query) => {
          asked.push(query);
          return said(query.adjust ? 500 : 0, [[100, 900]]);
        },
      },
      () => {},
      () => 0,
    );
    times.open(RUN, held);
    const time = new TimeView();
    time.update(held, 0, false, times.get(false, false));
    expect(time.bounds).toEqual({ from: 0, to: 100 });
    await vi.waitFor(() => expect(times.get(false, false)).not.toBe(null));
    time.update(held, 0, false, times.get(false, false));
    expect(time.bounds).toEqual({ from: 0, to: 1_000 });
    expect(time.extent).toEqual({ start: 0, end: 1_000, outside: 3, skewed: 7 });
    expect([time.cuts().length, time.longer]).toEqual([0, 1]);
    time.setFolds(true);
    time.update(held, 0, false, times.get(false, false));
    expect(time.cuts().map(({ lengthUs }) => lengthUs)).toEqual([800]);
    expect(time.longer).toBeGreaterThan(4.5);
    expect(times.get(false, false)).toBe(times.get(false, false));
    expect(asked).toEqual([{ adjust: false, all: false }]);
  });

  it("is asked for again with the clocks adjusted, and nothing is taken for it that is of something else", async () => {
    const held = store();
    let now = 0;
    const times = new WholeTimes(
      { times: async (_run, { adjust, all }) => said(adjust ? 500 : all ? null : 0) },
      () => {},
      () => now,
    );
    times.open(RUN, held);
    await vi.waitFor(() => expect(times.get(false, false)?.extent.start).toBe(0));
    now = 200;
    expect(times.get(true, false)).toBe(null);
    await vi.waitFor(() => expect(times.get(true, false)?.extent.start).toBe(500));
    now = 400;
    expect(times.get(false, true)).toBe(null);
    await Promise.resolve();
    expect(times.get(false, true)).toBe(null);
  });
});

describe("what the service says of a whole run", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("is asked for until it is here, and says how far the service is; nobody asks for a run that was left", async () => {
    const answers = [
      new TypeError("no network"),
      { complete: false, indexed: 40 },
      { complete: true, indexed: 100 },
    ];
    const asked: string[] = [];
    const whole = new OfTheWhole<string, { complete: boolean; indexed: number }>(
      async (run, query) => {
        asked.push(`${run} ${query}`);
        const said = answers.shift();
        if (said instanceof Error) throw said;
        return said ?? { complete: true, indexed: 101 };
      },
      () => void whole.get("key", "query"),
      () => Date.now(),
    );
    const held = store();
    whole.open("one", held);
    expect(whole.get("key", "query")).toBe(null);
    await vi.advanceTimersByTimeAsync(900);
    expect([asked.length, whole.reading]).toEqual([1, null]);
    await vi.advanceTimersByTimeAsync(200);
    expect([asked.length, whole.reading]).toEqual([2, 40]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect([asked.length, whole.reading]).toEqual([3, null]);
    expect(whole.get("key", "query")?.answer.indexed).toBe(100);
    held.version++;
    whole.get("key", "query");
    await vi.advanceTimersByTimeAsync(1_000);
    expect(whole.get("key", "query")?.answer.indexed).toBe(101);
    held.version++;
    whole.get("key", "query");
    whole.open("two", store());
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual(Array(4).fill("one query"));
  });
});

describe("the run in small", () => {
  const WANTED = { from: 0, to: 100, width: 10, lanes: 2, adjusts: false, longer: 1 };
  const share = (at: number) => at / 100;

  it("is drawn of all spans, as the service says it, and asked for as finely as it is shown", async () => {
    const asked: MinimapQuery[] = [];
    let now = 0;
    const map = new WholeMinimap(
      {
        minimap: async (_run, query) => {
          asked.push(query);
          const lanes = [`oo${"p".repeat(query.width - 2)}`, `${" ".repeat(query.width - 1)}e`];
          return { ...query, lanes, epoch: "1", indexed: 100, complete: true };
        },
      },
      () => {},
      () => now,
    );
    map.open(RUN, store());
    expect(map.bars(WANTED, share).bars).toEqual([]);
    const bars = [
      { lane: 0, from: 0, to: 2, of: "outer" },
      { lane: 0, from: 2, to: 10, of: "plain" },
      { lane: 1, from: 9, to: 10, of: "error" },
    ];
    await vi.waitFor(() => expect(map.bars(WANTED, share)).toEqual({ bars, lanes: 2 }));
    // where waits take little room, what is left is looked at more closely
    const closer = { ...WANTED, longer: 3.9 };
    now = 200;
    map.bars(closer, share);
    expect(asked).toHaveLength(2);
    await vi.waitFor(() => expect(map.bars(closer, share).bars[0]).toEqual({ ...bars[1], from: 0 }));
    const { adjusts: adjust, longer: _longer, ...query } = WANTED;
    expect(asked).toEqual([
      { ...query, adjust },
      { ...query, width: 40, adjust },
    ]);
    now = 400;
    expect(letters(map.bars(WANTED, share).bars, 10, 2)).toEqual(["pppppppppp", "         e"]);
  });
});
