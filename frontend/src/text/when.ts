/** Moments as "4 m ago" or by the clock, as the reader likes it. */
import { ago, dateTime } from "./format";

const STORED = "spantail.times";
let absolute = stored();

function stored(): boolean {
  try {
    return localStorage.getItem(STORED) === "absolute";
  } catch {
    return false; // Storage may be forbidden, or there is none.
  }
}

/** Shows times the other way from now on. */
export function switchTimes(): void {
  absolute = !absolute;
  try {
    if (absolute) localStorage.setItem(STORED, "absolute");
    else localStorage.removeItem(STORED);
  } catch {
    // The choice then lasts as long as the page.
  }
}

/** When something happened (µs since the epoch): "4 m ago", or "14:06:31" of today and "11-30 14:06" of another day. */
export function when(us: number, nowUs: number): string {
  if (!absolute) return ago(us, nowUs);
  const [day = "", time = ""] = dateTime(us).split(" ");
  const isToday = dateTime(nowUs).startsWith(day);
  return isToday ? time.slice(0, 8) : `${day.slice(5)} ${time.slice(0, 5)}`;
}

/** Both ways, for titles: "2026-11-30 14:06:31.556, 4 m ago". */
export function bothWays(us: number, nowUs: number): string {
  return `${dateTime(us)}, ${ago(us, nowUs)}`;
}
