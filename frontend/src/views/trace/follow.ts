/** Whether the tree goes along with what is new: until the reader takes over, and again when they say so. */
import { type Tool, tool } from "../time/tool";

/** So long after the pointer moved over the rows they stay where they are. */
const POINTER_REST_MS = 1_500;

export class Follow {
  readonly tool: Tool;
  private on = false;
  private isLive = false;
  private pointerMs = Number.NEGATIVE_INFINITY;
  private isPressed = false;

  constructor(viewport: HTMLElement, changed: () => void) {
    this.tool = tool({
      icon: "down",
      name: "Follow what is new",
      text: "Follow",
      keys: "F",
      run: () => {
        this.turn();
        changed();
      },
    });
    const letGo = () => this.stop();
    viewport.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && event.deltaY !== 0) this.stop();
    });
    viewport.addEventListener("touchmove", letGo, { passive: true });
    viewport.addEventListener("pointermove", () => {
      this.pointerMs = performance.now();
    });
    viewport.addEventListener("pointerleave", () => {
      this.pointerMs = Number.NEGATIVE_INFINITY;
    });
    viewport.addEventListener("pointerdown", (event) => {
      // The scroll bar is beside what the viewport shows.
      if (event.offsetX > viewport.clientWidth) this.stop();
    });
    // Also outside of the rows: who drags along the time holds it.
    addEventListener("pointerdown", () => {
      this.isPressed = true;
    });
    for (const over of ["pointerup", "pointercancel"])
      addEventListener(over, () => {
        this.isPressed = false;
      });
    this.draw();
  }

  /** Another run: one that goes on is followed, unless a span of it was asked for. */
  open(hasSpan: boolean): void {
    this.on = !hasSpan;
    this.draw();
  }

  /** `isLive`: there is something to follow. */
  see(isLive: boolean): void {
    if (isLive === this.isLive) return;
    this.isLive = isLive;
    this.draw();
  }

  stop(): void {
    if (!this.on) return;
    this.on = false;
    this.draw();
  }

  turn(): boolean {
    if (!this.isLive) return false;
    this.on = !this.on;
    this.draw();
    return true;
  }

  /** The time may be moved on, so that now stays in sight. */
  get holdsNow(): boolean {
    return this.on && this.isLive && !this.isPressed;
  }

  /** Rows may be moved now; under a pointer they are not. */
  get moves(): boolean {
    return this.holdsNow && performance.now() - this.pointerMs > POINTER_REST_MS;
  }

  private draw(): void {
    this.tool.show({ hidden: !this.isLive, pressed: this.on });
  }
}
