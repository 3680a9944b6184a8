/** A bar between two parts that can be dragged, or moved with the arrow keys; its place is kept. */
import { byId } from "../dom";

export interface SplitterOptions {
  readonly id: string;
  /** CSS property on the root element, in pixels. */
  readonly property: string;
  readonly axis: "x" | "y";
  readonly initial: number;
  readonly min: number;
  readonly max: () => number;
  /** The size that a pointer at this place asks for. */
  readonly sizeAt: (event: PointerEvent) => number;
  /** +1 when "right"/"down" makes it larger. */
  readonly direction: 1 | -1;
}

const STEP_PX = 24;

export function splitter(options: SplitterOptions): void {
  const bar = byId(options.id);
  const key = `spantail.${options.id}`;
  let size = options.initial;
  const apply = (wanted: number) => {
    size = Math.round(Math.min(Math.max(options.min, options.max()), Math.max(options.min, wanted)));
    document.documentElement.style.setProperty(options.property, `${size}px`);
    bar.setAttribute("aria-valuenow", String(size));
  };
  const keep = () => {
    try {
      localStorage.setItem(key, String(size));
    } catch {
      // Not kept, then.
    }
  };
  bar.setAttribute("aria-valuemin", String(options.min));
  bar.addEventListener("pointerdown", (event) => {
    bar.setPointerCapture(event.pointerId);
    bar.dataset.dragging = "";
    event.preventDefault();
  });
  bar.addEventListener("pointermove", (event) => {
    if (bar.dataset.dragging !== undefined) apply(options.sizeAt(event));
  });
  const stop = () => {
    delete bar.dataset.dragging;
    keep();
  };
  bar.addEventListener("pointerup", stop);
  bar.addEventListener("pointercancel", stop);
  bar.addEventListener("keydown", (event) => {
    const [less, more] = options.axis === "x" ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
    const sign = event.key === more ? 1 : event.key === less ? -1 : 0;
    if (sign === 0) return;
    event.preventDefault();
    apply(size + sign * options.direction * STEP_PX);
    keep();
  });
  let stored = Number.NaN;
  try {
    stored = Number.parseInt(localStorage.getItem(key) ?? "", 10);
  } catch {
    // The first size, then.
  }
  if (Number.isFinite(stored)) apply(stored);
}
