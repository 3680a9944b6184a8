import { beforeEach, describe, expect, it } from "vitest";
import { TimeView } from "../../../src/run/time/time-view";
import { RunStore } from "../../../src/store";

const S = 1_000_000;

/** A run that goes on. */
const store = new RunStore();
store.load({
  run: { run_id: "1", status: "running" },
  spans: [{ span_id: "root", start: 0, end: null, status: "running", kind: "span" }],
  next_index: 0,
  epoch: null,
});

describe("a close look at a run that is followed", () => {
  let time = new TimeView();
  const shows = (nowS: number) => {
    time.update(store, nowS * S, true);
    const { from, to } = time.shown;
    return { from: from / S, to: to / S, now: time.share(nowS * S) };
  };

  beforeEach(() => {
    time = new TimeView();
    time.follows = true;
    shows(10);
  });

  it("moves on in steps, as close as it was", () => {
    time.zoomTo(8 * S, 12 * S);
    expect(shows(11.9)).toMatchObject({ from: 8, to: 12 });
    const moved = shows(12.5);
    expect(moved.to - moved.from).toBeCloseTo(4, 6);
    expect(moved.now).toBeCloseTo(0.7, 6);
    // Bars stand still until now has come to the edge again.
    expect(shows(13.5)).toMatchObject({ from: moved.from, to: moved.to });
    for (let now = 13.5; now < 90; now += 1.7) {
      const { from, to, now: share } = shows(now);
      expect(share).toBeGreaterThan(0);
      expect(share).toBeLessThanOrEqual(1);
      expect(to - from).toBeCloseTo(4, 6);
    }
    expect(time.isAway).toBe(false);
  });

  it("is let go of by a reader who moves it, or goes where now is not", () => {
    time.pan(-0.2);
    expect(time.isAway).toBe(false);
    time.zoomTo(8 * S, 12 * S);
    expect(time.isAway).toBe(false);
    time.pan(-0.9);
    expect(time.isAway).toBe(true);
    // Whoever follows asks for it, and does not follow any more.
    time.follows = false;
    const { from, to } = time.shown;
    expect(shows(12)).toMatchObject({ from: from / S, to: to / S });
    time.bring(12 * S);
    expect(time.isAway).toBe(false);
    expect(shows(12).now).toBeCloseTo(0.7, 6);
    time.zoomTo(1 * S, 2 * S);
    expect(time.isAway).toBe(true);
    time.fit();
    expect(time.isAway).toBe(false);
  });

  it("stays where it is once the run is over, and without a close look", () => {
    const { from, to } = time.shown;
    time.bring(1_000 * S);
    expect(time.shown).toEqual({ from, to });
    time.zoomTo(8 * S, 12 * S);
    time.update(store, 20 * S, false);
    expect(time.shown).toEqual({ from: 8 * S, to: 12 * S });
  });
});
