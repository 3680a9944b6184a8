/** Ends a connection that has fallen silent: a pulled cable closes none. */
export class Watchdog {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readonly silent: () => void;

  constructor(silent: () => void) {
    this.silent = silent;
  }

  /** Something must come within so many milliseconds. */
  expect(ms: number): void {
    this.rest();
    this.timer = setTimeout(this.silent, ms);
  }

  rest(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
