/** What part of a run's time is shown, and where on the axis a moment stands. No DOM. */
import type { SpanState } from "../service/wire";
import { type Extent, type ExtentInput, runExtent } from "./extent";
import { endOf, startOf } from "./span-times";
import { liveScale, settledScale, type TimeScale, type TimeWindow } from "./time-scale";

/** A closer look would be between two microseconds. */
const LEAST_US = 20;

export class TimeView {
  /** Clocks that are thought wrong are corrected. */
  adjusts = false;
  /** Spans far off are shown too. */
  fitsAll = false;
  extent: Extent | null = null;
  private whole: TimeScale = settledScale(0, 1);
  private window: TimeWindow | null = null;
  private version = -1;
  private key = "";
  /** Grows when anything stands at another place than before. */
  revision = 0;

  /** Another run: everything is shown again. */
  reset(): void {
    this.adjusts = false;
    this.fitsAll = false;
    this.extent = null;
    this.whole = settledScale(0, 1);
    this.window = null;
    this.version = -1;
    this.revision++;
  }

  /** Follows the run and the clock; true where something stands elsewhere now. */
  update(run: ExtentInput & { readonly version: number }, nowUs: number, isAlive: boolean): boolean {
    if (run.version !== this.version || this.extent === null) {
      this.version = run.version;
      this.extent = runExtent(run, nowUs, this.adjusts, this.fitsAll);
    }
    const { extent } = this;
    if (!extent) return false;
    const now = Math.max(nowUs, extent.end);
    this.whole = isAlive ? liveScale(extent.start, now, this.whole) : settledScale(extent.start, extent.end);
    const { from, to } = this.shown;
    const key = `${this.whole.start}:${this.whole.span}:${from}:${to}`;
    if (key === this.key) return false;
    this.key = key;
    this.revision++;
    return true;
  }

  /** The moment that running spans have grown to: the service's clock, or that of the senders where it is ahead. */
  now(nowUs: number): number {
    return Math.max(nowUs, this.extent?.end ?? 0);
  }

  /** What there is to see in all. */
  get bounds(): TimeWindow {
    return { from: this.whole.start, to: this.whole.start + this.whole.span };
  }

  get shown(): TimeWindow {
    return this.window ?? this.bounds;
  }

  get isZoomed(): boolean {
    return this.window !== null;
  }

  startOf(span: SpanState): number {
    return startOf(span, this.adjusts);
  }

  endOf(span: SpanState, nowUs: number): number {
    return endOf(span, this.now(nowUs), this.adjusts);
  }

  /** Where a moment stands: 0 at the left edge, 1 at the right one, beyond them outside. */
  share(at: number): number {
    const { from, to } = this.shown;
    return (at - from) / (to - from);
  }

  timeAt(share: number): number {
    const { from, to } = this.shown;
    return from + share * (to - from);
  }

  setAdjusts(adjusts: boolean): void {
    this.adjusts = adjusts;
    this.forget();
  }

  setFitsAll(fitsAll: boolean): void {
    this.fitsAll = fitsAll;
    this.forget();
  }

  /** Shows everything. */
  fit(): void {
    this.window = null;
  }

  zoomTo(from: number, to: number): void {
    const bounds = this.bounds;
    const most = bounds.to - bounds.from;
    const length = Math.min(most, Math.max(LEAST_US, Math.abs(to - from)));
    const middle = (from + to) / 2;
    const start = Math.min(Math.max(bounds.from, middle - length / 2), bounds.to - length);
    this.window = length >= most * 0.999 ? null : { from: start, to: start + length };
  }

  /** `factor` below 1 goes closer; what stands at `share` stays there. */
  zoom(factor: number, share = 0.5): void {
    const { from, to } = this.shown;
    const length = Math.max(LEAST_US, (to - from) * factor);
    const at = from + share * (to - from);
    this.zoomTo(at - share * length, at + (1 - share) * length);
  }

  /** Moves what is shown by a share of it: 1 is a whole width to the right. */
  pan(by: number): void {
    if (!this.window) return;
    const { from, to } = this.window;
    const step = by * (to - from);
    this.zoomTo(from + step, to + step);
  }

  private forget(): void {
    this.extent = null;
    this.window = null;
  }
}
