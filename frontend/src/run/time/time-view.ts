/** What part of a run's time is shown, and where on the axis a moment stands. No DOM. */
import type { SpanState } from "../../service/wire";
import { type Extent, type ExtentInput, runExtent } from "./extent";
import { FoldedTime, idleGaps } from "./idle-gaps";
import { endOf, startOf } from "./span-times";
import { liveScale, settledScale, type Tick, type TimeScale, type TimeWindow, ticks } from "./time-scale";
import type { KnownTimes } from "./whole-times";

/** A closer look would be between two microseconds. */
const LEAST_US = 20;

/** Who follows is moved on before now reaches the edge, and then has some room in front of it: bars do not creep. */
const EDGE = 0.98;
const PLACE_OF_NOW = 0.7;

/** A wait that takes less room on the axis than time. */
export interface CutMark {
  /** 0 … 1 in what is shown. */
  readonly from: number;
  readonly to: number;
  readonly lengthUs: number;
}

export class TimeView {
  /** Clocks that are thought wrong are corrected. */
  adjusts = false;
  /** Spans far off are shown too. */
  fitsAll = false;
  /** Idle times take little room. */
  folds = false;
  extent: Extent | null = null;
  /** Grows when anything stands at another place than before. */
  revision = 0;
  /** Now stays in sight, however close the look. */
  follows = false;
  /** The reader has moved what is shown, or chosen a part that now is not in. */
  isAway = false;
  private whole: TimeScale = settledScale(0, 1);
  private window: TimeWindow | null = null;
  private folded = new FoldedTime();
  private version = -1;
  private known: KnownTimes | null = null;
  private key = "";
  /** As of the last update. */
  private nowUs = 0;
  // What is shown, as the axis counts.
  private left = 0;
  private width = 1;

  /** Another run: everything is shown again. */
  reset(): void {
    this.adjusts = false;
    this.fitsAll = false;
    this.folds = false;
    this.whole = settledScale(0, 1);
    this.version = -1;
    this.forget();
  }

  /** Follows the run and the clock; true where something stands elsewhere now. */
  update(
    run: ExtentInput & { readonly version: number },
    nowUs: number,
    isAlive: boolean,
    /** Of a run that is here in parts. */
    known: KnownTimes | null = null,
  ): boolean {
    const isNew = run.version !== this.version || this.extent === null || known !== this.known;
    if (isNew) {
      this.version = run.version;
      this.known = known;
      this.extent = known?.extent ?? runExtent(run, nowUs, this.adjusts, this.fitsAll);
    }
    const { extent } = this;
    if (!extent) return false;
    const now = Math.max(nowUs, extent.end);
    this.nowUs = now;
    this.whole = isAlive ? liveScale(extent.start, now, this.whole) : settledScale(extent.start, extent.end);
    if (isNew) this.fold(run, isAlive ? now : extent.end);
    this.place();
    if (isAlive && this.follows) this.bring(now);
    const { from, to } = this.shown;
    const key = [
      from,
      to,
      this.adjusts,
      ...this.folded.cuts.map((cut) => `${cut.axisFrom}-${cut.to}`),
    ].join();
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
    return (this.folded.toAxis(at) - this.left) / this.width;
  }

  timeAt(share: number): number {
    return this.folded.toReal(this.left + share * this.width);
  }

  /** How many times as long as on the axis the whole is, where idle times take little room there. */
  get longer(): number {
    const { from, to } = this.bounds;
    return (to - from) / Math.max(1e-3, this.folded.toAxis(to) - this.folded.toAxis(from));
  }

  /** Where a moment stands in the whole, however much of it is shown. */
  shareOfWhole(at: number): number {
    const { from, to } = this.bounds;
    const left = this.folded.toAxis(from);
    return (this.folded.toAxis(at) - left) / Math.max(1e-3, this.folded.toAxis(to) - left);
  }

  timeAtWhole(share: number): number {
    const left = this.folded.toAxis(this.bounds.from);
    return this.folded.toReal(left + share * (this.folded.toAxis(this.bounds.to) - left));
  }

  /** Marks for an axis that is so many pixels wide. */
  ticks(widthPx: number): Tick[] {
    const spacing = 76;
    const found: Tick[] = [];
    for (const piece of this.folded.pieces(this.shown)) {
      const share = (this.folded.toAxis(piece.to) - this.folded.toAxis(piece.from)) / this.width;
      const first = this.share(piece.from);
      const marks = ticks(piece, this.bounds.from, Math.max(1, widthPx * share), spacing);
      for (const { at, label } of marks) {
        const place = first + at * share;
        const last = found.at(-1);
        // Beside a cut there is no room for a mark of either side.
        const isFree = !last || (place - last.at) * widthPx >= spacing * 0.7;
        if (isFree && !this.cuts().some((cut) => Math.abs(place - cut.from) * widthPx < spacing * 0.6))
          found.push({ at: place, label });
      }
    }
    return found;
  }

  cuts(): CutMark[] {
    return this.folded.cuts
      .map(({ from, to }) => ({ from: this.share(from), to: this.share(to), lengthUs: to - from }))
      .filter(({ from, to }) => to > 0 && from < 1);
  }

  setAdjusts(adjusts: boolean): void {
    this.adjusts = adjusts;
    this.forget();
  }

  setFitsAll(fitsAll: boolean): void {
    this.fitsAll = fitsAll;
    this.forget();
  }

  setFolds(folds: boolean): void {
    this.folds = folds;
    this.forget();
  }

  /** Shows everything. */
  fit(): void {
    this.window = null;
    this.isAway = false;
  }

  /** Moves what is shown, as close as it is, until a moment is in sight and has some room after it. */
  bring(at: number): void {
    this.isAway = false;
    const share = this.share(at);
    if (!this.window || (share >= 0 && share <= EDGE)) return;
    const left = this.folded.toAxis(at) - PLACE_OF_NOW * this.width;
    this.show(left, left + this.width);
  }

  /** Shows from one moment to another, as far as there is anything. */
  zoomTo(from: number, to: number): void {
    const low = Math.min(from, to);
    this.choose(this.folded.toAxis(low), this.folded.toAxis(Math.max(from, to)));
  }

  /** `factor` below 1 goes closer; what stands at `share` stays there. */
  zoom(factor: number, share = 0.5): void {
    const width = Math.max(LEAST_US, this.width * factor);
    const left = this.left + share * (this.width - width);
    this.choose(left, left + width);
  }

  /** Moves what is shown by a share of it: 1 is a whole width to the right. */
  pan(by: number): void {
    if (!this.window) return;
    const left = this.left + by * this.width;
    this.show(left, left + this.width);
    this.isAway = true;
  }

  /** What the reader wants to see, from and to as the axis counts. */
  private choose(from: number, to: number): void {
    this.show(from, to);
    const now = this.share(this.nowUs);
    this.isAway = this.window !== null && (now < 0 || now > 1);
  }

  private place(): void {
    const { from, to } = this.shown;
    this.left = this.folded.toAxis(from);
    this.width = Math.max(1e-3, this.folded.toAxis(to) - this.left);
  }

  /** From and to as the axis counts. */
  private show(from: number, to: number): void {
    const { folded, bounds } = this;
    const first = folded.toAxis(bounds.from);
    const last = folded.toAxis(bounds.to);
    const width = Math.min(last - first, Math.max(LEAST_US, to - from));
    const middle = (from + to) / 2;
    const left = Math.min(Math.max(first, middle - width / 2), last - width);
    const isWhole = width >= (last - first) * 0.999;
    this.window = isWhole ? null : { from: folded.toReal(left), to: folded.toReal(left + width) };
    this.left = isWhole ? first : left;
    this.width = width;
  }

  private fold(run: ExtentInput, until: number): void {
    const whole = { from: this.whole.start, to: until };
    const gaps = !this.folds
      ? []
      : (this.known?.gaps ??
        idleGaps(
          run,
          whole,
          (span) => this.startOf(span),
          (span) => this.endOf(span, until),
        ));
    this.folded = new FoldedTime(gaps, whole);
  }

  private forget(): void {
    this.extent = null;
    this.fit();
    this.revision++;
  }
}
