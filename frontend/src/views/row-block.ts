/** Which rows of a windowed list are elements. Pure. */

export interface RowBlock {
  readonly first: number;
  /** The row after the last one. */
  readonly end: number;
}

export interface Sight {
  /** Rows, with their fractions. */
  readonly top: number;
  readonly height: number;
  readonly count: number;
}

/**
 * The rows in sight with `ahead` more on both sides. While at least half of those are left, the block stays as it is:
 * a scroll then brings several rows at a time, most of its frames bring none, and those cost next to nothing.
 */
export function rowBlock({ top, height, count }: Sight, ahead: number, before: RowBlock): RowBlock {
  const first = Math.floor(top);
  const end = Math.ceil(top + height);
  const left = Math.ceil(ahead / 2);
  const within = (at: number) => Math.min(count, Math.max(0, at));
  const isKept =
    before.end > before.first &&
    before.end <= count &&
    before.first <= within(first - left) &&
    before.end >= within(end + left) &&
    before.end - before.first <= end - first + 2 * ahead;
  return isKept ? before : { first: within(first - ahead), end: within(end + ahead) };
}
