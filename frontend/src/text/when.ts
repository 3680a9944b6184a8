/** Moments as "4 m ago" or by the clock, as the reader likes it. */
import { Kept } from "../browser/kept";
import { ago, dateTime, offset, timeOfDay } from "./format";

const kept = new Kept("spantail.times");
let absolute = kept.text === "absolute";

const watchers: (() => void)[] = [];

/** `draw` is called when times are shown the other way; for what is drawn only when something has changed. */
export function onTimesSwitched(draw: () => void): void {
  watchers.push(draw);
}

/** How times are shown now, for what is kept as long as nothing changes. */
export function timesShown(): "relative" | "absolute" {
  return absolute ? "absolute" : "relative";
}

/** Shows times the other way from now on. */
export function switchTimes(): void {
  absolute = !absolute;
  kept.keep(absolute ? "absolute" : null);
  for (const draw of watchers) draw();
}

/** When something happened (µs since the epoch): "4 m ago", or "14:06:31" of today and "11-30 14:06" of another day. */
export function when(us: number, nowUs: number): string {
  if (!absolute) return ago(us, nowUs);
  const [day = "", time = ""] = dateTime(us).split(" ");
  const isToday = dateTime(nowUs).startsWith(day);
  return isToday ? time.slice(0, 8) : `${day.slice(5)} ${time.slice(0, 5)}`;
}

/** The same where it ends a phrase: "failed 4 m ago", "failed just now", "failed at 14:06:31". */
export function since(us: number, nowUs: number): string {
  return absolute ? `at ${when(us, nowUs)}` : ago(us, nowUs).replace(/^now$/, "just now");
}

/** A moment within something that began at `originUs`: "+1.20 s", or "14:06:31.556". */
export function within(us: number, originUs: number): string {
  return absolute ? timeOfDay(us) : offset(us - originUs);
}

/** Both ways, for titles: "2026-11-30 14:06:31.556, 4 m ago". */
export function bothWays(us: number, nowUs: number): string {
  return `${dateTime(us)}, ${ago(us, nowUs)}`;
}
