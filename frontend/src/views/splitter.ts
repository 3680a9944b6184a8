/** A bar between two parts that can be dragged, or moved with the arrow keys; its place is kept. */

import { byId } from "../browser/dom";
import { Kept } from "../browser/kept";

export interface SplitterOptions {
  readonly id: string;
  /** CSS property on the root element, in pixels. */
  readonly property: string;
  readonly axis: "x" | "y";
  readonly min: number;
  readonly max: () => number;
  /** As laid out now. */
  readonly size: () => number;
  /** The size that a pointer at this place asks for. */
  readonly sizeAt: (event: PointerEvent) => number;
  /** +1 when "right"/"down" makes it larger. */
  readonly direction: 1 | -1;
}

const STEP_PX = 24;

export function splitter(options: SplitterOptions): void {
  const bar = byId(options.id);
  const key = `spantail.${options.id}`;
  const apply = (size: number) => {
    document.documentElement.style.setProperty(options.property, `${Math.round(size)}px`);
  };
  const move = (wanted: number) => {
    apply(Math.min(Math.max(options.min, options.max()), Math.max(options.min, wanted)));
    tell();
  };
  const tell = () => {
    bar.setAttribute("aria-valuemin", String(options.min));
    bar.setAttribute("aria-valuemax", String(Math.round(Math.max(options.min, options.max()))));
    bar.setAttribute("aria-valuenow", String(Math.round(options.size())));
  };
  const kept = new Kept(key);
  const keep = () => kept.keep(String(Math.round(options.size())));
  // It has a size once it is shown.
  new ResizeObserver(tell).observe(bar);
  bar.addEventListener("focus", tell);
  bar.addEventListener("pointerdown", (event) => {
    bar.setPointerCapture(event.pointerId);
    bar.dataset.dragging = "";
    event.preventDefault();
  });
  bar.addEventListener("pointermove", (event) => {
    if (bar.dataset.dragging !== undefined) move(options.sizeAt(event));
  });
  const stop = () => {
    if (bar.dataset.dragging === undefined) return;
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
    move(options.size() + sign * options.direction * STEP_PX);
    keep();
  });
  const stored = Number.parseInt(kept.text ?? "", 10);
  // The page is hidden as yet, so that nothing can be measured: the sheets keep a size within what there is.
  if (Number.isFinite(stored)) apply(Math.max(options.min, stored));
}
