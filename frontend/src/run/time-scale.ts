/** Microseconds ↔ a share of the waterfall's width. Pure. */

export interface TimeScale {
  readonly start: number;
  /** Always above zero. */
  readonly span: number;
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

/** 0 … 1 inside the scale; outside values are clamped. */
export function share(scale: TimeScale, at: number): number {
  return Math.min(1, Math.max(0, (at - scale.start) / scale.span));
}

/** Round ticks from the run's start, one per `spacing` pixels at the most. The last one may end the scale. */
export function ticks(scale: TimeScale, width: number, spacing = 76): Tick[] {
  const most = Math.max(1, Math.floor(width / spacing));
  const step = stepAtLeast(scale.span / most);
  const result: Tick[] = [];
  for (let at = 0; at <= scale.span * 1.000001; at += step) {
    result.push({ at: at / scale.span, label: tickLabel(at, step) });
  }
  return result;
}

function tickLabel(us: number, step: number): string {
  if (us === 0) return "0";
  const [size, unit] = UNITS.find(([unitSize]) => us >= unitSize) ?? [1, "µs"];
  if (size >= 60_000_000 && us % size !== 0) {
    const below = size === 60_000_000 ? 1_000_000 : 60_000_000;
    const rest = String(Math.round((us % size) / below)).padStart(2, "0");
    return `${Math.floor(us / size)}:${rest} ${unit}`;
  }
  const digits =
    us % size === 0 && size >= 60_000_000 ? 0 : step % size === 0 ? 0 : step % (size / 10) === 0 ? 1 : 2;
  return `${(us / size).toFixed(digits)} ${unit}`;
}
