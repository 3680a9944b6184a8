/** How often the livetail is drawn while events come fast. */

/** Where more events have come than there are rows, all of them change: nobody reads that, and it is drawn less often. */
const FAST_MS = 250;

export class TailPace {
  private readonly draw: () => void;
  private index = 0;
  private ms = Number.NEGATIVE_INFINITY;
  private later: ReturnType<typeof setTimeout> | undefined;

  constructor(draw: () => void) {
    this.draw = draw;
  }

  /** True where the events are drawn a moment later instead. */
  waits(nextIndex: number, rows: number): boolean {
    const restMs = this.ms + FAST_MS - performance.now();
    if (nextIndex - this.index <= rows || restMs <= 0) return false;
    this.later ??= setTimeout(() => {
      this.later = undefined;
      this.draw();
    }, restMs);
    return true;
  }

  drawn(nextIndex: number): void {
    this.index = nextIndex;
    this.ms = performance.now();
  }
}
