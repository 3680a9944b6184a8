import { describe, expect, it } from "vitest";
import { liveScale, settledScale, ticks } from "../../../src/run/time/time-scale";

const S = 1_000_000;

describe("liveScale", () => {
  it("stays as it is until the run reaches its end, then makes room", () => {
    const first = liveScale(0, 0.1 * S);
    expect(liveScale(0, 0.3 * S, first)).toBe(first);
    const next = liveScale(0, first.span + 1, first);
    expect(next.span).toBeGreaterThan(first.span * 1.4);
  });

  it("starts anew when an earlier span arrives", () => {
    const first = liveScale(100, 200);
    expect(liveScale(50, 200, first).start).toBe(50);
  });
});

it("an empty run divides by nothing", () => {
  expect(settledScale(5, 5).span).toBe(1);
});

describe("ticks", () => {
  it.each([
    [900, ["0", "200 µs", "400 µs", "600 µs", "800 µs"]],
    [3.4 * S, ["0", "1 s", "2 s", "3 s"]],
    [0.5 * S, ["0", "100 ms", "200 ms", "300 ms", "400 ms", "500 ms"]],
    [150 * S, ["0", "30 s", "1 m", "1:30 m", "2 m", "2:30 m"]],
    [90 * S, ["0", "30 s", "1 m", "1:30 m"]],
    [7_200 * S, ["0", "30 m", "1 h", "1:30 h", "2 h"]],
  ])("of %i µs", (span, labels) => {
    expect(ticks({ from: 0, to: span }, 0, 400, 76).map((tick) => tick.label)).toEqual(labels);
  });

  it("are never more than fit, and never none", () => {
    for (const span of [1, 17, 999, 12_345, 7.7 * S, 61 * S, 1e12]) {
      const marks = ticks({ from: 0, to: span }, 0, 300, 100);
      expect(marks.length).toBeGreaterThan(0);
      expect(marks.length).toBeLessThanOrEqual(4);
      expect(marks.every((mark) => mark.at >= 0 && mark.at <= 1.00001)).toBe(true);
    }
  });

  it.each([
    [62.5 * S, 62.8 * S, ["1:02.5 m", "1:02.6 m", "1:02.7 m", "1:02.8 m"]],
    [3_605 * S, 3_645 * S, ["1:00:10 h", "1:00:20 h", "1:00:30 h", "1:00:40 h"]],
    [2.0011 * S, 2.0014 * S, ["2.0011 s", "2.0012 s", "2.0013 s", "2.0014 s"]],
    [-0.2 * S, 0.4 * S, ["−200 ms", "0", "200 ms", "400 ms"]],
  ])("of a part, from %i µs", (from, to, labels) => {
    expect(ticks({ from: 1e15 + from, to: 1e15 + to }, 1e15, 330, 76).map((tick) => tick.label)).toEqual(
      labels,
    );
  });
});
