/** Bars of what runs grow with the clock, for as long as one is in sight. */

/** In steps that are hardly seen: each one is laid out and painted, and scrolling comes first. */
const GROW_MS = 80;
/** With reduced motion the bars are brought up to date instead of growing smoothly. */
const GROW_CALM_MS = 1_000;

export interface Growing {
  /** Something in sight runs. */
  isGrowing(): boolean;
  grow(): void;
}

export class Growth {
  private readonly rows: Growing;
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");
  private frame = 0;
  private grownMs = 0;

  constructor(rows: Growing) {
    this.rows = rows;
  }

  /** It stops by itself. */
  start(): void {
    if (this.frame === 0) this.frame = requestAnimationFrame((time) => this.step(time));
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  private step(timeMs: number): void {
    this.frame = 0;
    if (!this.rows.isGrowing()) return;
    if (timeMs - this.grownMs >= (this.calm.matches ? GROW_CALM_MS : GROW_MS)) {
      this.grownMs = timeMs;
      this.rows.grow();
    }
    this.start();
  }
}
