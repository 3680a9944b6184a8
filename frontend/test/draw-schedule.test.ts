import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { DrawSchedule } from "../src/browser/draw-schedule";

/** Frames that come when the test says so, as in a page that is hidden they never do. */
let frames: (() => void)[] = [];
const page = { hidden: false };

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", page);
  vi.stubGlobal("requestAnimationFrame", (run: () => void) => frames.push(run));
  vi.stubGlobal("cancelAnimationFrame", (at: number) => frames.splice(at - 1, 1, () => {}));
  frames = [];
  page.hidden = false;
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("draws once with the next frame, however often it was asked", () => {
  const draw = vi.fn();
  const schedule = new DrawSchedule(draw);
  schedule.ask();
  schedule.ask();
  for (const frame of frames) frame();
  vi.advanceTimersByTime(10_000);
  expect(draw).toHaveBeenCalledTimes(1);
});

it("draws a page that was hidden before its next frame, and goes on to", () => {
  const draw = vi.fn();
  const schedule = new DrawSchedule(draw);
  schedule.ask();
  page.hidden = true;
  vi.advanceTimersByTime(1_000);
  expect(draw).toHaveBeenCalledTimes(1);
  for (const frame of frames) frame(); // at last, when somebody looks again
  schedule.ask();
  vi.advanceTimersByTime(1_000);
  expect(draw).toHaveBeenCalledTimes(2);
});
