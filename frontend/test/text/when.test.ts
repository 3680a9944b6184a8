import { afterEach, expect, it, vi } from "vitest";
import { bothWays, onTimesSwitched, since, switchTimes, timesShown, when, within } from "../../src/text/when";

afterEach(() => vi.unstubAllGlobals());

it("tells moments relative or by the clock, and keeps the choice", () => {
  const kept = new Map<string, string>();
  vi.stubGlobal("localStorage", {
    setItem: (key: string, value: string) => kept.set(key, value),
    removeItem: (key: string) => kept.delete(key),
  });
  const now = new Date(2026, 10, 30, 14, 10, 0).getTime() * 1_000;
  const today = new Date(2026, 10, 30, 14, 6, 31, 556).getTime() * 1_000;
  const before = new Date(2026, 10, 28, 9, 5, 0).getTime() * 1_000;
  expect([when(today, now), when(before, now)]).toEqual(["3 m ago", "2 d ago"]);
  expect([since(now, now), within(today + 1_200_000, today)]).toEqual(["just now", "+1.20 s"]);
  const shown: string[] = [];
  onTimesSwitched(() => shown.push(timesShown()));
  switchTimes();
  expect([when(today, now), when(before, now)]).toEqual(["14:06:31", "11-28 09:05"]);
  expect([since(today, now), within(today + 1_200_000, today)]).toEqual(["at 14:06:31", "14:06:32.756"]);
  expect(kept.size).toBe(1);
  expect(bothWays(today, now)).toBe("2026-11-30 14:06:31.556, 3 m ago");
  switchTimes();
  expect(shown).toEqual(["absolute", "relative"]);
  expect([when(today, now), kept.size]).toEqual(["3 m ago", 0]);
});
