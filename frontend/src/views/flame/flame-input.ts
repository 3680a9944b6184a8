/** Pointer and wheel on a flame graph: zoom, pan, hover, choose. */
import type { Frame } from "../../run/time/flame";
import { drags, pinchZooms, wheelZooms } from "../time/time-input";
import type { TimePanel } from "../time/time-panel";

export interface FlameInput {
  readonly scroller: HTMLElement;
  readonly canvas: HTMLCanvasElement;
  readonly panel: TimePanel;
  width(): number;
  frameAt(clientX: number, clientY: number): Frame | undefined;
  hover(frame: Frame | null, clientX: number, clientY: number): void;
  choose(frame: Frame, clientX: number): void;
  zoomInto(frame: Frame): void;
}

export function listenToFlame(input: FlameInput): void {
  const { scroller, canvas, panel } = input;
  const zooms = { time: panel.time, changed: () => panel.changed() };
  wheelZooms(scroller, canvas, zooms);
  pinchZooms(scroller, canvas, zooms);
  scroller.addEventListener("pointermove", (event) => {
    const frame = event.buttons === 0 ? input.frameAt(event.clientX, event.clientY) : undefined;
    input.hover(frame ?? null, event.clientX, event.clientY);
  });
  scroller.addEventListener("pointerleave", () => input.hover(null, 0, 0));
  scroller.addEventListener("dblclick", (event) => {
    const frame = input.frameAt(event.clientX, event.clientY);
    // The first click of two has looked closer at several already.
    if (frame) {
      if (!frame.merged) input.zoomInto(frame);
    } else panel.fit();
  });
  let pointer: PointerEvent | null = null;
  let top = 0;
  let lastX = 0;
  const press = (event: PointerEvent) => {
    pointer = event;
    top = scroller.scrollTop;
  };
  scroller.addEventListener("pointerdown", press, { capture: true });
  scroller.addEventListener("pointermove", (event) => {
    if (event.buttons === 1 && pointer && event.pointerType === "mouse")
      scroller.scrollTop = top + pointer.clientY - event.clientY;
  });
  drags(canvas, {
    begin: (x) => {
      lastX = x;
      return pointer?.pointerType !== "touch";
    },
    move: (_from, x) => {
      panel.time.pan((lastX - x) / Math.max(1, input.width()));
      lastX = x;
      panel.changed();
    },
    end: () => undefined,
  });
  scroller.addEventListener("click", (event) => {
    const from = pointer;
    const isClick =
      from && Math.abs(event.clientX - from.clientX) < 4 && Math.abs(event.clientY - from.clientY) < 4;
    const frame = isClick ? input.frameAt(event.clientX, event.clientY) : undefined;
    scroller.focus({ preventScroll: true });
    if (frame) input.choose(frame, event.clientX);
  });
}
