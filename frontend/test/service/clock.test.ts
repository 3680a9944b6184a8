import { expect, it } from "vitest";
import { ServiceClock } from "../../src/service/clock";

/** Answers of a service whose clock is ahead of the browser's by so much, asked every 370 ms. */
function asked(aheadMs: number, times: number): number[] {
  const clock = new ServiceClock();
  return Array.from({ length: times }, (_, n) => {
    const at = 1_795_308_986_000 + n * 370;
    clock.hear(new Date(Math.floor((at + aheadMs) / 1_000) * 1_000).toUTCString(), at - 20, at);
    return clock.aheadMs;
  });
}

it("takes clocks that may agree as one", () => {
  expect(new Set(asked(0, 20))).toEqual(new Set([0]));
  expect(new Set(asked(-40, 20))).toEqual(new Set([0]));
  expect(Math.max(...asked(40, 20))).toBeLessThanOrEqual(40);
});

it("never jumps by more than what it did not know, and ends near the truth", () => {
  for (const ahead of [2_300, -2_300, 61_000, -3_600_000]) {
    const shown = asked(ahead, 20);
    const steps = shown.slice(1).map((each, at) => Math.abs(each - (shown[at] ?? 0)));
    expect(Math.max(...steps)).toBeLessThan(1_000);
    expect(Math.abs((shown.at(-1) ?? 0) - ahead)).toBeLessThan(200);
  }
});

it("starts anew when a clock was set, and leaves out what is no date", () => {
  const clock = new ServiceClock();
  clock.hear("Sun, 22 Nov 2026 08:00:00 GMT", 0, 0);
  const far = clock.aheadMs;
  clock.hear(null, 0, 0);
  clock.hear("yesterday", 0, 0);
  expect(clock.aheadMs).toBe(far);
  const now = Date.parse("Sun, 22 Nov 2026 09:00:00 GMT");
  clock.hear("Sun, 22 Nov 2026 09:00:00 GMT", now + 100, now + 120);
  expect(clock.aheadMs).toBe(0);
});
