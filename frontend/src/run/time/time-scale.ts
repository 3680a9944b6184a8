/** Microseconds ↔ a share of the waterfall's width. Pure. */

export interface TimeScale {
  readonly start: number;
  /** Always above zero. */
  readonly span: number;
}

/** Real time, microseconds. */
export interface TimeWindow {
  readonly from: number;
  readonly to: number;
}

export interface Tick {
  /** 0 … 1 */
  readonly at: number;
  readonly label: string;
}

const UNITS: readonly (readonly [number, string])[] = [
  [3_600_000_000, "h"],
  [60_000_000, "m"],
  [1_000_000, "s"],
  [1_000, "ms"],
  [1, "µs"],
];

/** Steps that read well: decimal below a minute, clock-like above. */
function stepAtLeast(us: number): number {
  if (us > 30_000_000) {
    for (const seconds of [60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400]) {
      if (seconds * 1_000_000 >= us) return seconds * 1_000_000;
    }
    return Math.ceil(us / 86_400_000_000) * 86_400_000_000;
  }
  if (us > 10_000_000) return us <= 15_000_000 ? 15_000_000 : 30_000_000;
  const power = 10 ** Math.floor(Math.log10(Math.max(1, us)));
  for (const factor of [1, 2, 5, 10]) if (factor * power >= us) return factor * power;
  return 10 * power;
}

/** A settled run fills the width exactly. */
export function settledScale(start: number, end: number): TimeScale {
  return { start, span: Math.max(1, end - start) };
}

/**
 * While a run is alive the scale stays as it is until the run reaches its end, then makes room for half as
 * much again: bars grow, but finished ones do not creep.
 */
export function liveScale(start: number, now: number, previous?: TimeScale): TimeScale {
  const elapsed = Math.max(1, now - start);
  if (previous && previous.start === start && elapsed <= previous.span) return previous;
  return { start, span: roomFor(elapsed * 1.5) };
}

function roomFor(us: number): number {
  const floor = Math.max(us, 500_000);
  const step = stepAtLeast(floor / 6);
  return Math.ceil(floor / step) * step;
}

/** Round ticks counted from the run's start, one per `spacing` pixels at the most, of the part that is shown. */
export function ticks(shown: TimeWindow, origin: number, width: number, spacing = 76): Tick[] {
  const { from, to } = shown;
  const most = Math.max(1, Math.floor(width / spacing));
  const step = stepAtLeast((to - from) / most);
  const result: Tick[] = [];
  const last = (to - origin) * 1.000001;
  for (let count = Math.ceil((from - origin) / step); count * step <= last; count++) {
    const at = count * step;
    result.push({ at: (origin + at - from) / (to - from), label: tickLabel(at, step) });
  }
  return result;
}

function tickLabel(at: number, step: number): string {
  if (at === 0) return "0";
  const us = Math.abs(at);
  const sign = at < 0 ? "−" : "";
  const [size, unit] = UNITS.find(([unitSize]) => us >= unitSize) ?? [1, "µs"];
  if (size < 60_000_000) return `${sign}${(us / size).toFixed(digitsFor(size, step))} ${unit}`;
  if (us % size === 0) return `${sign}${us / size} ${unit}`;
  const seconds = us / 1_000_000;
  const whole = (value: number) => String(Math.floor(value)).padStart(2, "0");
  if (size === 60_000_000) {
    const rest = (seconds % 60).toFixed(digitsFor(1_000_000, step));
    return `${sign}${Math.floor(seconds / 60)}:${rest.replace(/^\d(?!\d)/, "0$&")} ${unit}`;
  }
  const rest = step % 60_000_000 === 0 ? "" : `:${whole(seconds % 60)}`;
  return `${sign}${Math.floor(seconds / 3_600)}:${whole((seconds / 60) % 60)}${rest} ${unit}`;
}

/** Decimals that tell two ticks apart. */
function digitsFor(size: number, step: number): number {
  return Math.min(6, Math.max(0, Math.ceil(Math.log10(size / step) - 1e-9)));
}
