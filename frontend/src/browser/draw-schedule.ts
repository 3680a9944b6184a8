/**
 * When something is drawn: the first change with the next frame, what follows it at once together. It is drawn in parts;
 * those that one frame has no time for come in the frames after it, so that a scroll meanwhile stays smooth.
 */

/** No more often than this, however many changes come: nobody reads faster. */
const DRAW_MS = 100;
/** Drawing takes no more than this share of the time, even for a large run on a slow machine. */
const DRAW_SHARE = 0.2;
const DRAW_HIDDEN_MS = 500;
/** Of the 16 ms of a frame: layout and paint of what was drawn take as much again, and a scroll wants its own. */
const FRAME_MS = 3;

/** The parts that are to be drawn, one after the other; none where nothing can be drawn now. */
export type Parts = readonly (() => void)[];

/** What the schedule asks of the browser. */
export interface FrameClock {
  now(): number;
  frame(run: () => void): void;
  after(ms: number, run: () => void): void;
  isHidden(): boolean;
}

const BROWSER: FrameClock = {
  now: () => performance.now(),
  frame: (run) => {
    if (document.hidden) {
      setTimeout(run, DRAW_HIDDEN_MS);
      return;
    }
    // Who leaves the page meanwhile gets no frame, and is told of the run's end all the same.
    const end = new AbortController();
    const once = () => {
      if (end.signal.aborted) return;
      end.abort();
      run();
    };
    document.addEventListener("visibilitychange", once, { signal: end.signal });
    requestAnimationFrame(once);
  },
  after: (ms, run) => {
    setTimeout(run, ms);
  },
  isHidden: () => document.hidden,
};

export class DrawSchedule {
  private readonly begin: () => Parts;
  private readonly clock: FrameClock;
  private scheduled = false;
  private asked = false;
  private left: Parts = [];
  private begunMs = Number.NEGATIVE_INFINITY;
  private spentMs = 0;

  /** `begin` is called with the first frame of each time that something is drawn. */
  constructor(begin: () => Parts, clock: FrameClock = BROWSER) {
    this.begin = begin;
    this.clock = clock;
  }

  ask(): void {
    this.asked = true;
    if (this.scheduled) return;
    this.scheduled = true;
    const { clock } = this;
    if (clock.isHidden()) {
      clock.after(DRAW_HIDDEN_MS, () => this.start());
      return;
    }
    const rest = this.begunMs + Math.max(DRAW_MS, this.spentMs / DRAW_SHARE) - clock.now();
    if (rest > 0) clock.after(rest, () => clock.frame(() => this.start()));
    else clock.frame(() => this.start());
  }

  /** As `ask`, but at once, unless something is being drawn. */
  now(): void {
    this.asked = true;
    this.scheduled = true;
    this.start();
  }

  private start(): void {
    // It was drawn at once meanwhile, or is being drawn.
    if (!this.asked || this.left.length > 0) return;
    this.asked = false;
    const now = this.clock.now();
    this.spentMs = 0;
    this.left = this.begin();
    // Where nothing could be drawn, the next frame may do.
    this.begunMs = this.left.length > 0 ? now : Number.NEGATIVE_INFINITY;
    this.go(now);
  }

  private go(frameMs: number): void {
    const { clock } = this;
    let now = frameMs;
    try {
      while (this.left.length > 0 && (now - frameMs < FRAME_MS || clock.isHidden())) {
        const [part, ...left] = this.left;
        this.left = left;
        part?.();
        now = clock.now();
      }
    } catch (error) {
      // The next change is drawn again, whatever went wrong with this one.
      this.left = [];
      this.scheduled = false;
      throw error;
    }
    this.spentMs += now - frameMs;
    if (this.left.length > 0) {
      clock.frame(() => this.go(clock.now()));
      return;
    }
    this.scheduled = false;
    if (this.asked) this.ask();
  }
}
