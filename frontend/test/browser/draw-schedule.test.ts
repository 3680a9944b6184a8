import { describe, expect, it } from "vitest";
import { DrawSchedule, type FrameClock } from "../../src/browser/draw-schedule";

/** A clock that goes on only when something is drawn, or the next frame or time-out is due. */
class Clock implements FrameClock {
  ms = 0;
  isAway = false;
  private due: { at: number; run: () => void }[] = [];

  now(): number {
    return this.ms;
  }

  frame(run: () => void): void {
    this.due.push({ at: Math.floor(this.ms / 16 + 1) * 16, run });
  }

  after(ms: number, run: () => void): void {
    this.due.push({ at: this.ms + ms, run });
  }

  isHidden(): boolean {
    return this.isAway;
  }

  step(): boolean {
    const next = this.due.sort((a, b) => a.at - b.at).shift();
    if (!next) return false;
    this.ms = Math.max(this.ms, next.at);
    next.run();
    return true;
  }

  all(): void {
    for (let steps = 0; this.step(); steps++) if (steps > 1_000) throw new Error("it never ends");
  }
}

function drawing(costs: readonly number[], clock: Clock) {
  const log: string[] = [];
  const schedule = new DrawSchedule(
    () =>
      costs.map((cost, at) => () => {
        log.push(`${at}@${clock.ms}`);
        clock.ms += cost;
      }),
    clock,
  );
  return { log, schedule };
}

describe("drawing", () => {
  it("takes one frame where there is time, and further ones where there is none", () => {
    const clock = new Clock();
    const { log, schedule } = drawing([1, 1, 5, 4, 1], clock);
    schedule.ask();
    schedule.ask();
    clock.all();
    expect(log).toEqual(["0@16", "1@17", "2@18", "3@32", "4@48"]);
  });

  it("happens ten times a second, and less often where it takes long", () => {
    for (const [cost, pause] of [
      [1, 100],
      [50, 250],
    ] as const) {
      const clock = new Clock();
      const { log, schedule } = drawing([cost], clock);
      schedule.ask();
      clock.all();
      schedule.ask();
      clock.all();
      const [first, second] = log.map((entry) => Number(entry.split("@")[1]));
      expect((second ?? 0) - (first ?? 0)).toBeGreaterThanOrEqual(pause);
      expect((second ?? 0) - (first ?? 0)).toBeLessThan(pause + 32);
    }
  });

  it("follows what changed while the parts were drawn", () => {
    const clock = new Clock();
    const { log, schedule } = drawing([5, 5], clock);
    schedule.ask();
    clock.step();
    schedule.ask();
    clock.all();
    expect(log.map((entry) => entry.split("@")[0])).toEqual(["0", "1", "0", "1"]);
  });

  it("is tried with the next frame where nothing could be drawn yet", () => {
    const clock = new Clock();
    const at: number[] = [];
    const schedule = new DrawSchedule(() => {
      at.push(clock.ms);
      if (at.length < 3) schedule.ask();
      return at.length < 3 ? [] : [() => {}];
    }, clock);
    schedule.ask();
    clock.all();
    expect(at).toEqual([16, 32, 48]);
  });

  it("is done at once on a page that nobody looks at", () => {
    const clock = new Clock();
    clock.isAway = true;
    const { log, schedule } = drawing([20, 20], clock);
    schedule.ask();
    clock.all();
    expect(log).toEqual(["0@500", "1@520"]);
  });

  it("goes on after an error", () => {
    const clock = new Clock();
    let drawn = 0;
    const schedule = new DrawSchedule(
      () => [
        () => {
          drawn++;
          if (drawn === 1) throw new Error("once");
        },
      ],
      clock,
    );
    schedule.ask();
    expect(() => clock.all()).toThrow("once");
    schedule.ask();
    clock.all();
    expect(drawn).toBe(2);
  });
});
