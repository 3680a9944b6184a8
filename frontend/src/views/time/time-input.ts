/** Wheel, fingers and drags that change what part of time is shown. Nothing of it selects text. */
import type { TimeView } from "../../run/time/time-view";

/** The share of an element's width at which the pointer is. */
function shareAt(element: Element, clientX: number): number {
  const box = element.getBoundingClientRect();
  return box.width > 0 ? (clientX - box.left) / box.width : 0;
}

export interface TimeInput {
  readonly time: TimeView;
  /** What is shown has changed. */
  changed(): void;
}

/** One notch of a mouse's wheel. */
const NOTCH_PX = 100;

/** Ctrl + wheel, and a trackpad's pinch that comes as one, zooms at the pointer; a sideways wheel moves. */
export function wheelZooms(area: HTMLElement, axis: HTMLElement, { time, changed }: TimeInput): void {
  area.addEventListener(
    "wheel",
    (event) => {
      const sideways = event.shiftKey && event.deltaX === 0 ? event.deltaY : event.deltaX;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const share = Math.min(1, Math.max(0, shareAt(axis, event.clientX)));
        time.zoom(1.25 ** (event.deltaY / NOTCH_PX), share);
        changed();
      } else if (time.isZoomed && Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
        event.preventDefault();
        time.pan(sideways / Math.max(1, axis.clientWidth));
        changed();
      }
    },
    { passive: false },
  );
}

/** Two fingers on the bars zoom and move; one scrolls the rows as ever. */
export function pinchZooms(area: HTMLElement, axis: HTMLElement, { time, changed }: TimeInput): void {
  let apart = 0;
  let middle = 0;
  const read = (touches: TouchList): [number, number] | undefined => {
    const [one, other] = touches;
    if (touches.length !== 2 || !one || !other) return undefined;
    return [Math.abs(one.clientX - other.clientX), (one.clientX + other.clientX) / 2];
  };
  area.addEventListener("touchstart", (event) => {
    [apart, middle] = read(event.touches) ?? [0, 0];
  });
  area.addEventListener(
    "touchmove",
    (event) => {
      const now = read(event.touches);
      if (!now || apart === 0) return;
      event.preventDefault();
      const share = shareAt(axis, now[1]);
      time.pan((middle - now[1]) / Math.max(1, axis.clientWidth));
      time.zoom(apart / Math.max(8, now[0]), share);
      [apart, middle] = now;
      changed();
    },
    { passive: false },
  );
}

export interface Drag {
  /** Pixels from the left edge of the element, at the start and now. */
  begin(startX: number): boolean;
  move(startX: number, nowX: number): void;
  /** `moved`: it was more than a click. */
  end(startX: number, nowX: number, moved: boolean): void;
}

const CLICK_PX = 4;

/** Reports drags within an element, captured so that they may leave it. */
export function drags(element: HTMLElement, drag: Drag): void {
  let from: number | null = null;
  let moved = false;
  const at = (event: PointerEvent) => event.clientX - element.getBoundingClientRect().left;
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !drag.begin(at(event))) return;
    // The mouse would select text otherwise.
    event.preventDefault();
    from = at(event);
    moved = false;
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    if (from === null) return;
    const x = at(event);
    moved ||= Math.abs(x - from) >= CLICK_PX;
    if (moved) drag.move(from, x);
  });
  const end = (event: PointerEvent) => {
    if (from === null) return;
    const start = from;
    from = null;
    drag.end(start, at(event), moved && event.type === "pointerup");
  };
  element.addEventListener("pointerup", end);
  element.addEventListener("pointercancel", end);
}
