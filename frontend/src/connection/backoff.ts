/** Waiting times after failures: doubling from 0.5 s to 10 s, with jitter so that pages do not all come at once. */
export function backoffMs(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(10_000, 500 * 2 ** Math.min(attempt - 1, 10));
  return Math.round(full * (0.5 + random() / 2));
}
