/** Bars of what runs grow with the clock, for as long as one is in sight. */

/** With reduced motion the bars are brought up to date instead of growing smoothly. */
const GROW_CALM_MS = 1_000;

export interface Growing {
  /** Something in sight runs. */
  isGrowing(): boolean;
  grow(): void;
}

export class Growth {
  private readonly rows: Growing;
  private readonly stepMs: number;
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");
  private frame = 0;
  private grownMs = 0;

  /** `stepMs`: they grow no more often than that; 0 is with every animation frame. */
  constructor(rows: Growing, stepMs: number) {
    this.rows = rows;
    this.stepMs = stepMs;
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
    if (timeMs - this.grownMs >= (this.calm.matches ? GROW_CALM_MS : this.stepMs)) {
      this.grownMs = timeMs;
      this.rows.grow();
    }
    this.start();
  }
}
