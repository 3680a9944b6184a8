/** A result that is computed again when its input has changed, within a small share of the time. Pure. */

/** Making it takes no more than this share of the time. */
const SHARE = 0.05;

export class Kept<T> {
  private readonly make: () => T;
  private readonly nowMs: () => number;
  private value: T | undefined;
  private key: string | undefined;
  private restUntilMs = Number.NEGATIVE_INFINITY;

  constructor(make: () => T, nowMs: () => number = () => performance.now()) {
    this.make = make;
    this.nowMs = nowMs;
  }

  /** `key` says of what it is made; a part of it that must never be out of date stands in `scope`. */
  get(scope: string, key: string | number): T {
    const whole = `${scope} ${key}`;
    const { value } = this;
    const begun = this.nowMs();
    const isScope = this.key?.startsWith(`${scope} `) === true;
    if (value !== undefined && (whole === this.key || (isScope && begun < this.restUntilMs))) return value;
    const made = this.make();
    this.value = made;
    this.key = whole;
    const now = this.nowMs();
    this.restUntilMs = now + (now - begun) / SHARE;
    return made;
  }

  forget(): void {
    this.value = undefined;
    this.key = undefined;
  }
}
