/** When something is drawn: the first change with the next frame, what follows it at once together. */

/** No more often than this, however many changes come: nobody reads faster, and scrolling stays smooth. */
const DRAW_MS = 100;
/** Drawing takes no more than this share of the time, even for a large run on a slow machine. */
const DRAW_SHARE = 0.2;
const DRAW_HIDDEN_MS = 500;

export class DrawSchedule {
  private readonly draw: () => void;
  private scheduled = false;
  /** Not to be drawn again before. */
  private restUntil = 0;

  constructor(draw: () => void) {
    this.draw = draw;
  }

  ask(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    if (document.hidden) {
      setTimeout(() => this.run(), DRAW_HIDDEN_MS);
      return;
    }
    const rest = this.restUntil - performance.now();
    if (rest > 0) setTimeout(() => requestAnimationFrame(() => this.run()), rest);
    else requestAnimationFrame(() => this.run());
  }

  /** What began then (`performance.now()`) has been drawn. */
  drawn(begun: number): void {
    this.restUntil = begun + Math.max(DRAW_MS, (performance.now() - begun) / DRAW_SHARE);
  }

  private run(): void {
    this.scheduled = false;
    this.draw();
  }
}
