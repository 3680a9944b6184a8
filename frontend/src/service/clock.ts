/**
 * The service's clock, as far as the Date headers of its answers show it.
 *
 * A header has whole seconds only, but each one narrows down how far the clocks are apart: when the answer came, the
 * service's clock had reached that second; when the request went out, it had not passed it. What all answers together
 * allow is kept, so that the time shown does not jump with each of them.
 */

/** The header is written from a time that the server looks up once a second. */
const OLD_MS = 2_000;

export class ServiceClock {
  private least = Number.NEGATIVE_INFINITY;
  private most = Number.POSITIVE_INFINITY;

  /** Takes a header, with this browser's times of the request and of the answer, in milliseconds. */
  hear(header: string | null, askedAt: number, answeredAt: number): void {
    const service = header ? Date.parse(header) : Number.NaN;
    if (Number.isNaN(service)) return;
    const least = service - answeredAt;
    const most = service + OLD_MS - askedAt;
    const fits = least <= this.most && most >= this.least;
    // One of the clocks was set, or another server answers: what was known does not hold any more.
    this.least = fits ? Math.max(this.least, least) : least;
    this.most = fits ? Math.min(this.most, most) : most;
  }

  /** What is to be added to this browser's time, in milliseconds; none where the clocks may well agree. */
  get aheadMs(): number {
    if (this.least <= 0 && this.most >= 0) return 0;
    // The lower bound: it is too small by no more than the time an answer takes to arrive.
    return this.least;
  }
}
