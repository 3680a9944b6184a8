/** When something is drawn: the first change with the next frame, what follows it at once together. */

/** No more often than this, however many changes come: nobody reads faster, and scrolling stays smooth. */
const DRAW_MS = 100;
/** Drawing takes no more than this share of the time, even for a large run on a slow machine. */
const DRAW_SHARE = 0.2;
/** A page that is hidden, or will be before its next frame, has no frames. */
const DRAW_HIDDEN_MS = 500;

export class DrawSchedule {
  private readonly draw: () => void;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private frame = 0;
  /** Not to be drawn again before. */
  private restUntil = 0;

  constructor(draw: () => void) {
    this.draw = draw;
  }

  ask(): void {
    if (this.timer !== undefined) return;
    const rest = this.restUntil - performance.now();
    if (rest > 0 && !document.hidden) this.timer = setTimeout(() => this.soon(), rest);
    else this.soon();
  }

  /** What began then (`performance.now()`) has been drawn. */
  drawn(begun: number): void {
    this.restUntil = begun + Math.max(DRAW_MS, (performance.now() - begun) / DRAW_SHARE);
  }

  /** With the next frame, or without one. */
  private soon(): void {
    this.timer = setTimeout(() => this.run(), DRAW_HIDDEN_MS);
    if (!document.hidden) this.frame = requestAnimationFrame(() => this.run());
  }

  private run(): void {
    clearTimeout(this.timer);
    this.timer = undefined;
    cancelAnimationFrame(this.frame);
    this.draw();
  }
}
