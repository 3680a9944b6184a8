/** Paints the frames in sight of a flame graph. */
import { h } from "../../browser/dom";
import type { CriticalPath } from "../../run/time/critical-path";
import type { FlameLayout, Frame } from "../../run/time/flame";
import type { TimeView } from "../../run/time/time-view";
import type { SpanState } from "../../service/wire";
import { count, duration, plural } from "../../text/format";
import { rowName } from "../../text/span-target";
import { markOf } from "../backend-mark";

export const FRAME_PX = 22;
export const AXIS_PX = 26;
const GAP_PX = 1;
/** A narrower frame has no room for a word. */
const LABEL_PX = 34;
const PAD_PX = 6;
/** A mark of time that is nearer to the edge has its label to its left. */
const EDGE_PX = 48;
const STRIPE_FROM_PX = 9;

// biome-ignore format: a list of names
const LOOKS = [
  "outer", "plain", "first", "fallback", "hue-0", "hue-1", "hue-2", "hue-3", "hue-4", "hue-5", "error", "running",
  "abandoned", "text", "faint", "line", "ink", "surface", "bad", "live", "found",
] as const;
type Look = (typeof LOOKS)[number];

export interface Painted {
  readonly layout: FlameLayout;
  readonly time: TimeView;
  readonly path: CriticalPath | null;
  readonly selected: string | null;
  readonly cursor: string | null;
  readonly hovered: Frame | null;
  readonly nowUs: number;
  /** Of a frame that is a single span. */
  span(frame: Frame): SpanState | undefined;
  isFound(id: string): boolean;
}

interface Placed {
  readonly frame: Frame;
  /** undefined: it is several. */
  readonly span: SpanState | undefined;
  readonly failed: boolean;
  readonly left: number;
  readonly right: number;
  readonly y: number;
}

export class FlameCanvas {
  readonly element = h("canvas", { class: "flame-canvas", "aria-hidden": "true" });
  width = 0;
  height = 0;
  private looks: Readonly<Record<Look, string>> | null = null;
  private font = "";

  resize(width: number, height: number): void {
    this.width = width;
    this.height = height;
    const scale = devicePixelRatio || 1;
    this.element.width = Math.round(width * scale);
    this.element.height = Math.round(height * scale);
    this.element.style.width = `${width}px`;
  }

  /** The theme is another one. */
  forgetColours(): void {
    this.looks = null;
  }

  /** `top`: pixels that are scrolled away. */
  paint(painted: Painted, top: number): void {
    const context = this.element.getContext("2d");
    const { width, height } = this;
    if (!context || width === 0) return;
    this.looks ??= this.readLooks();
    const scale = devicePixelRatio || 1;
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    context.textBaseline = "middle";
    context.font = this.font;
    this.paintLines(context, painted);
    const first = Math.max(0, Math.floor(top / FRAME_PX));
    const last = Math.min(painted.layout.rows.length - 1, Math.floor((top + height) / FRAME_PX));
    context.save();
    context.beginPath();
    context.rect(0, AXIS_PX, width, height - AXIS_PX);
    context.clip();
    for (let row = first; row <= last; row++)
      this.paintRow(context, painted, row, AXIS_PX + row * FRAME_PX - top);
    context.restore();
  }

  private paintLines(context: CanvasRenderingContext2D, { time }: Painted): void {
    const { width, height, looks } = this;
    if (!looks) return;
    const marks = time.ticks(width);
    const last = marks.at(-1);
    const atEnd = last !== undefined && last.at * width > width - EDGE_PX;
    let from = 0;
    // The end is worth more than a label that it would touch.
    const free = atEnd ? last.at * width - 2 * PAD_PX - context.measureText(last.label).width : width;
    for (const mark of marks) {
      const x = Math.round(mark.at * width) + 0.5;
      context.fillStyle = looks.line;
      context.fillRect(x, 0, 1, height);
      context.fillStyle = looks.faint;
      const isLast = atEnd && mark === last;
      context.textAlign = isLast ? "right" : "left";
      const length = context.measureText(mark.label).width;
      if (!isLast && (x + PAD_PX < from || x + PAD_PX + length >= free)) continue;
      from = x + 2 * PAD_PX + length;
      context.fillText(mark.label, x + (isLast ? -PAD_PX : PAD_PX), AXIS_PX / 2);
    }
    context.textAlign = "center";
    for (const cut of time.cuts()) {
      const [from, to] = [cut.from * width, cut.to * width];
      context.fillStyle = looks.line;
      for (let x = from; x < to; x += 4) context.fillRect(x, 0, 1.5, height);
      context.fillStyle = looks.faint;
      context.fillText(duration(cut.lengthUs), (from + to) / 2, AXIS_PX / 2);
    }
    context.textAlign = "left";
    context.fillStyle = looks.line;
    context.fillRect(0, AXIS_PX - 1, width, 1);
  }

  private paintRow(context: CanvasRenderingContext2D, painted: Painted, row: number, y: number): void {
    const { layout, time, nowUs } = painted;
    const frames = layout.rows[row] ?? [];
    const { to: until } = time.shown;
    // Of frames that are narrower than a pixel one is drawn: where a failed one is among them, that one.
    let drawnTo = Number.NEGATIVE_INFINITY;
    for (let at = layout.firstAfter(row, time.shown.from); at < frames.length; at++) {
      const frame = frames[at];
      if (!frame || frame.start > until) break;
      const left = Math.max(-4, time.share(frame.start) * this.width);
      const right = Math.min(this.width + 4, time.share(Math.min(frame.end, nowUs)) * this.width);
      const span = frame.merged ? undefined : painted.span(frame);
      const failed = frame.merged ? frame.merged.errors > 0 : span?.status === "error";
      if ((!span && !frame.merged) || (right < drawnTo + 0.5 && !failed)) continue;
      this.paintFrame(context, painted, { frame, span, failed, left, right: Math.max(right, left + 1), y });
      drawnTo = Math.max(right, left + 1);
    }
  }

  private paintFrame(context: CanvasRenderingContext2D, painted: Painted, placed: Placed): void {
    const { frame, span, failed, left, right, y } = placed;
    const { looks } = this;
    if (!looks) return;
    const width = Math.max(1, right - left - GAP_PX);
    const height = FRAME_PX - GAP_PX;
    if (span) this.paintSpan(context, looks, { ...placed, span, width, height });
    else paintMany(context, looks, { left, y, width, height, failed });
    // Said without colour too: a stripe at the end that is still open, one at the start of what failed.
    if (failed && width >= STRIPE_FROM_PX) paintStripe(context, looks.bad, left, y, height);
    if (frame.end === Number.POSITIVE_INFINITY) paintStripe(context, looks.live, right - 3, y, height);
    for (const part of (span && painted.path?.get(frame.id)) ?? []) {
      const from = Math.max(left, painted.time.share(part.from) * this.width);
      const to = Math.min(right, painted.time.share(part.to) * this.width);
      context.fillStyle = looks.ink;
      if (to - from >= 1) context.fillRect(from, y + height - 2, to - from, 2);
    }
    if (span && painted.isFound(frame.id)) paintFound(context, looks, left, y, width, height);
    const isHovered = frame.id === painted.hovered?.id && frame.row === painted.hovered.row;
    if (isHovered || (span && (frame.id === painted.selected || frame.id === painted.cursor))) {
      context.strokeStyle = looks.ink;
      context.lineWidth = isHovered ? 1 : 2;
      context.strokeRect(left + 1, y + 1, Math.max(1, width - 2), height - 2);
      context.lineWidth = 1;
    }
    const from = Math.max(0, left) + PAD_PX + (failed ? 3 : 0);
    const room = Math.min(this.width, right) - from - PAD_PX;
    if (room < LABEL_PX - PAD_PX) return;
    const label = frame.merged ? manyWords(frame.merged) : span ? labelOf(span, painted) : "";
    const text = fitted(context, label, room);
    if (!span && text) {
      // The stripes of many would run through the letters.
      context.fillStyle = looks.surface;
      context.fillRect(from - 3, y + 3, context.measureText(text).width + 6, height - 6);
    }
    context.fillStyle = looks.text;
    context.fillText(text, from, y + height / 2 + 0.5);
  }

  private paintSpan(
    context: CanvasRenderingContext2D,
    looks: Readonly<Record<Look, string>>,
    { frame, span, left, y, width, height }: Placed & { span: SpanState; width: number; height: number },
  ): void {
    const isHollow = span.status === "skipped" || span.status === "cancelled" || span.status === "abandoned";
    context.fillStyle = looks[lookOf(span, frame.hasChildren)];
    if (isHollow) {
      context.strokeStyle = looks[span.status === "abandoned" ? "abandoned" : "faint"];
      context.setLineDash(span.status === "abandoned" ? [4, 3] : []);
      context.strokeRect(left + 0.5, y + 0.5, width - 1, height - 1);
      context.setLineDash([]);
    } else context.fillRect(left, y, width, height);
  }

  private readLooks(): Readonly<Record<Look, string>> {
    const probe = h("i", { class: "flame-probe" });
    this.element.after(probe);
    const looks = Object.fromEntries(
      LOOKS.map((look) => {
        probe.dataset.look = look;
        return [look, getComputedStyle(probe).backgroundColor];
      }),
    ) as Record<Look, string>;
    const { fontFamily } = getComputedStyle(probe);
    this.font = `12px ${fontFamily}`;
    probe.remove();
    return looks;
  }
}

function paintStripe(
  context: CanvasRenderingContext2D,
  colour: string,
  x: number,
  y: number,
  height: number,
) {
  context.fillStyle = colour;
  context.fillRect(x, y, 3, height);
}

/** Several spans: as many thin lines. */
function paintMany(
  context: CanvasRenderingContext2D,
  looks: Readonly<Record<Look, string>>,
  {
    left,
    y,
    width,
    height,
    failed,
  }: { left: number; y: number; width: number; height: number; failed: boolean },
): void {
  context.fillStyle = failed ? looks.error : looks.outer;
  for (let x = left; x < left + width; x += 4) context.fillRect(x, y, Math.min(3, left + width - x), height);
}

/** A match of the search: a frame around it and a bar above it, so that colour is not all that says it. */
function paintFound(
  context: CanvasRenderingContext2D,
  looks: Readonly<Record<Look, string>>,
  left: number,
  y: number,
  width: number,
  height: number,
): void {
  context.fillStyle = looks.found;
  context.fillRect(left, y, width, 4);
  context.strokeStyle = looks.found;
  context.strokeRect(left + 0.5, y + 0.5, Math.max(1, width - 1), height - 1);
}

/** "24,958 spans, 2 failed". */
export function manyWords({ spans, errors }: { spans: number; errors: number }): string {
  return `${plural(spans, "span")}${errors > 0 ? `, ${count(errors)} failed` : ""}`;
}

function lookOf(span: SpanState, hasChildren: boolean): Look {
  if (span.status === "error") return "error";
  if ((span.status ?? "running") === "running") return "running";
  if (span.backend) return LOOKS.find((look) => look === markOf(span)) ?? "plain";
  return hasChildren ? "outer" : "plain";
}

function labelOf(span: SpanState, { time, nowUs }: Painted): string {
  const length = time.endOf(span, nowUs) - time.startOf(span);
  const sign = span.status === "error" ? "✕ " : "";
  return `${sign}${rowName(span)}  ${length < 0 ? "" : duration(length)}`;
}

/** What fits, cut with an ellipsis: the middle of the search is where it would end if all letters were alike. */
function fitted(context: CanvasRenderingContext2D, text: string, room: number): string {
  const short = text.length > 400 ? text.slice(0, 400) : text;
  const width = context.measureText(short).width;
  if (width <= room) return short;
  let length = Math.floor((short.length * room) / width);
  while (length > 0 && context.measureText(`${short.slice(0, length)}…`).width > room) length--;
  return length > 1 ? `${short.slice(0, length)}…` : "";
}
