import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RunFind } from "../../src/run/find/find";
import { jumpInWhole } from "../../src/run/find/whole-jumps";
import { beyond, closerLook } from "../../src/run/time/flame";
import { WholeFlame } from "../../src/run/time/whole-flame";
import { WholePath } from "../../src/run/time/whole-path";
import { transcriptItems } from "../../src/run/transcript/items";
import { ProblemError } from "../../src/service/api";
import type { FlameFrame, RunFlame, RunJump, SearchAnswer } from "../../src/service/wire";
import { RUN, store } from "./part-of-a-run";

function landing(to: RunJump["to"], span_ids: string[], complete = true): RunJump {
  return { to, span_ids, epoch: "1", indexed: 100, complete };
}

describe("a jump in a run that is here in parts", () => {
  const run = { runId: RUN, store: store() };

  it("leads to what the service knows of the whole run, also where the chosen span is new to it", async () => {
    const asked: (string | null)[] = [];
    const api = {
      jump: async (_run: string, to: RunJump["to"], after: string | null) => {
        asked.push(after);
        if (after === "new") throw new ProblemError(404, { type: "/problems/unknown-span" });
        return landing(to, to === "error" ? ["far"] : ["one", "two"]);
      },
    };
    const to = (jump: RunJump["to"], from: string | null) => jumpInWhole(api, run, jump, from, () => 0);
    expect(await to("error", "a")).toEqual({ id: "far", doubt: "" });
    expect(await to("error", "new")).toEqual({ id: "far", doubt: "" });
    expect(asked).toEqual(["a", "new", null]);
    expect((await to("slowest", null)).id).toBe("one");
    expect((await to("slowest", "one")).id).toBe("two");
    expect((await to("dearest", "two")).id).toBe("one");
  });

  it("leads somewhere in what is here while nobody knows more, and says so", async () => {
    const unread = { jump: async () => landing("slowest", [], false) };
    expect(await jumpInWhole(unread, run, "slowest", null, () => 0)).toEqual({
      id: "a",
      doubt: "Looked for in 3 of 100 spans: the service is still reading the run",
    });
    const away = { jump: () => Promise.reject(new TypeError("no network")) };
    const { doubt } = await jumpInWhole(away, run, "error", null, () => 0);
    expect(doubt).toBe("Looked for in 3 of 100 spans: the service cannot be reached");
  });
});

describe("the critical path of a run that is here in parts", () => {
  it("is the service's, says of what it is, and follows the run", async () => {
    const held = store();
    let now = 0;
    let asked = 0;
    const path = new WholePath(
      {
        criticalPath: async () => {
          asked++;
          const parts: Record<string, [number, number][]> = { root: [[60, 100]] };
          return {
            parts,
            spans: 40,
            length_us: 100,
            left_out_us: 60,
            epoch: "1",
            indexed: 100,
            complete: true,
          };
        },
      },
      () => {},
      () => now,
    );
    path.open(RUN, held);
    expect(path.get().size).toBe(0);
    await vi.waitFor(() => expect(path.get().get("root")).toEqual([{ from: 60, to: 100 }]));
    expect(path.text).toBe(
      "Critical path of the whole run: 40 spans; marked are the 1 with the longest time on it",
    );
    held.version++;
    path.get();
    expect(asked).toBe(1);
    now = 6_000;
    path.get();
    expect(asked).toBe(2);
  });
});

describe("the flame graph of a run that is here in parts", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const frame = (
    lane: number,
    start: number,
    end: number | null,
    rest: Partial<FlameFrame> = {},
  ): FlameFrame => ({
    lane,
    start,
    end,
    span_id: `${lane}-${start}`,
    spans: 1,
    errors: 0,
    outer: false,
    ...rest,
  });
  const answer = (frames: FlameFrame[], rest: Partial<RunFlame> = {}): RunFlame => ({
    from: 0,
    to: 100,
    lanes: 3,
    frames,
    states: [],
    place: null,
    epoch: "1",
    indexed: 100,
    complete: true,
    ...rest,
  });
  const SIGHT = { from: 0, to: 100, width: 1_000, first: 0, lanes: 10 };

  it("asks for what is in sight and a little more, once, and again when one looks closer", async () => {
    const asked: unknown[] = [];
    const flame = vi.fn(async (_run: string, query: unknown) => {
      asked.push(query);
      return answer([
        frame(0, 0, 100, { span_id: "root", outer: true }),
        frame(1, 5, 90, { spans: 98, errors: 2 }),
      ]);
    });
    const whole = new WholeFlame(
      { flame },
      () => {},
      () => Date.now(),
    );
    whole.open(RUN, store());
    whole.see(SIGHT);
    whole.see(SIGHT);
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toEqual([{ from: 0, to: 150, width: 1_500, first: 0, lanes: 50 }]);
    const [[root], [many]] = whole.layout.rows as [[never], [never]];
    expect(whole.span(root)?.kind).toBe("phase");
    expect(many).toMatchObject({ merged: { spans: 98, errors: 2 } });
    expect(whole.layout.get("root")).toBe(root);
    expect(beyond(whole.layout, root, 1)).toBe(many);
    expect(beyond(whole.layout, many, -1)).toBe(root);
    expect(beyond(whole.layout, many, 1)).toBeUndefined();
    whole.see({ ...SIGHT, from: 10 });
    expect(flame).toHaveBeenCalledTimes(1);
    whole.see({ ...SIGHT, from: 10, to: 20 });
    await vi.advanceTimersByTimeAsync(200);
    expect(flame).toHaveBeenCalledTimes(2);
    whole.see({ ...SIGHT, from: 10, to: 20, adjusts: true });
    await vi.advanceTimersByTimeAsync(200);
    expect(asked.at(-1)).toMatchObject({ from: 5, adjust: true });
  });

  it("waits while the service reads the run, and knows of a frame what it says itself", async () => {
    let complete = false;
    const flame = vi.fn(async () =>
      complete
        ? answer([frame(0, 0, null), frame(1, 1, 2, { errors: 1 })], { place: { lane: 1, start: 1, end: 2 } })
        : answer([], { complete, indexed: 40 }),
    );
    const whole = new WholeFlame(
      { flame },
      () => {},
      () => Date.now(),
    );
    whole.open(RUN, store());
    whole.see(SIGHT);
    await vi.advanceTimersByTimeAsync(500);
    expect(whole.reading).toBe(40);
    const place = whole.place("x");
    complete = true;
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await place).toEqual({ lane: 1, start: 1, end: 2 });
    expect(whole.reading).toBe(null);
    const [[runs], [failed]] = whole.layout.rows as [[never], [never]];
    expect([whole.span(runs)?.status, whole.span(failed)?.status]).toEqual(["running", "error"]);
  });
});

describe("a closer look at a frame", () => {
  const shown = { from: 0, to: 1_000 };
  const frame = { id: "a", row: 0, start: 0, end: 1_000, hasChildren: false };

  it("is the span itself, or some fifty of many around where one looked", () => {
    expect(closerLook(frame, 1_000, shown)).toEqual({ from: 0, to: 1_000 });
    const many = { ...frame, merged: { spans: 500, errors: 0 } };
    expect(closerLook(many, 1_000, shown)).toEqual({ from: 0, to: 100 });
    expect(closerLook(many, 1_000, shown, 400)).toEqual({ from: 350, to: 450 });
    expect(closerLook(many, 1_000, shown, 990)).toEqual({ from: 900, to: 1_000 });
    expect(closerLook({ ...frame, merged: { spans: 2, errors: 0 } }, 1_000, shown)).toEqual({
      from: 0,
      to: 250,
    });
  });
});

describe("a search in a run that is here in parts", () => {
  it("goes from match to match by start, whatever has come already", async () => {
    const hit = (span_id: string, start: number) => ({ span_id, start, matches: [] });
    const hits = [hit("root", 0), hit("u1", 20), hit("b", 50), hit("u2", 70)];
    const held = store();
    const find = new RunFind(
      {
        search: async () =>
          ({ hits, found: 4, is_whole: true, next_cursor: null }) as unknown as SearchAnswer,
      },
      () => {},
    );
    find.open(RUN, held, "x");
    await vi.waitFor(() => expect(find.hits.map(({ id }) => id)).toEqual(["root", "u1", "b", "u2"]));
    expect(find.step("root", 1)?.id).toBe("u1");
    expect(find.step("a", 1)?.id).toBe("u1");
    expect(find.step("a", -1)?.id).toBe("root");
    expect(find.step("u2", 1)?.id).toBe("root");
    find.close();
  });
});

describe("the transcript of a run that is here in parts", () => {
  it("has a line for what is not here, where it would stand", () => {
    const items = transcriptItems(store(), new Set());
    expect(items.map(({ kind, id, speaker }) => `${kind} ${id} ${speaker}`)).toEqual([
      "step root root",
      "step a a",
      "step b b",
      "folded fold:root root",
    ]);
  });
});
