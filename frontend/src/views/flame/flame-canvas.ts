/** Paints the frames in sight of a flame graph. */
import { h } from "../../browser/dom";
import type { CriticalPath } from "../../run/time/critical-path";
import type { FlameLayout, Frame } from "../../run/time/flame";
import type { TimeView } from "../../run/time/time-view";
import type { SpanState } from "../../service/wire";
import { duration } from "../../text/format";
import { shownName } from "../../text/visible";
import { markOf } from "../backend-mark";

export const FRAME_PX = 22;
export const AXIS_PX = 26;
const GAP_PX = 1;
/** A narrower frame has no room for a word. */
const LABEL_PX = 34;
const PAD_PX = 6;
const STRIPE_FROM_PX = 9;

// biome-ignore format: a list of names
const LOOKS = [
  "outer", "plain", "first", "fallback", "hue-0", "hue-1", "hue-2", "hue-3", "hue-4", "hue-5", "error", "running",
  "abandoned", "text", "faint", "line", "ink", "surface", "bad", "live",
] as const;
type Look = (typeof LOOKS)[number];

export interface Painted {
  readonly layout: FlameLayout;
  readonly time: TimeView;
  readonly path: CriticalPath | null;
  readonly selected: string | null;
  readonly cursor: string | null;
  readonly hovered: string | null;
  readonly nowUs: number;
  span(id: string): SpanState | undefined;
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
    for (const mark of time.ticks(width)) {
      const x = Math.round(mark.at * width) + 0.5;
      context.fillStyle = looks.line;
      context.fillRect(x, 0, 1, height);
      context.fillStyle = looks.faint;
      context.textAlign = x > width - 48 ? "right" : "left";
      context.fillText(mark.label, x + (x > width - 48 ? -5 : 5), AXIS_PX / 2);
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
      const span = painted.span(frame.id);
      if (!span || (right < drawnTo + 0.5 && span.status !== "error")) continue;
      this.paintFrame(context, painted, { frame, span, left, right: Math.max(right, left + 1), y });
      drawnTo = Math.max(right, left + 1);
    }
  }

  private paintFrame(
    context: CanvasRenderingContext2D,
    painted: Painted,
    {
      frame,
      span,
      left,
      right,
      y,
    }: { frame: Frame; span: SpanState; left: number; right: number; y: number },
  ): void {
    const { looks } = this;
    if (!looks) return;
    const width = Math.max(1, right - left - GAP_PX);
    const height = FRAME_PX - GAP_PX;
    const isHollow = span.status === "skipped" || span.status === "cancelled" || span.status === "abandoned";
    context.fillStyle = looks[lookOf(span, frame.hasChildren)];
    if (isHollow) {
      context.strokeStyle = looks[span.status === "abandoned" ? "abandoned" : "faint"];
      context.setLineDash(span.status === "abandoned" ? [4, 3] : []);
      context.strokeRect(left + 0.5, y + 0.5, width - 1, height - 1);
      context.setLineDash([]);
    } else context.fillRect(left, y, width, height);
    // Said without colour too: a stripe at the end that is still open, one at the start of what failed.
    if (span.status === "error" && width >= STRIPE_FROM_PX) paintStripe(context, looks.bad, left, y, height);
    if (frame.end === Number.POSITIVE_INFINITY) paintStripe(context, looks.live, right - 3, y, height);
    for (const part of painted.path?.get(frame.id) ?? []) {
      const from = Math.max(left, painted.time.share(part.from) * this.width);
      const to = Math.min(right, painted.time.share(part.to) * this.width);
      context.fillStyle = looks.ink;
      if (to - from >= 1) context.fillRect(from, y + height - 2, to - from, 2);
    }
    if (frame.id === painted.selected || frame.id === painted.cursor || frame.id === painted.hovered) {
      context.strokeStyle = looks.ink;
      context.lineWidth = frame.id === painted.hovered ? 1 : 2;
      context.strokeRect(left + 1, y + 1, Math.max(1, width - 2), height - 2);
      context.lineWidth = 1;
    }
    const from = Math.max(0, left) + PAD_PX + (span.status === "error" ? 3 : 0);
    const room = Math.min(this.width, right) - from - PAD_PX;
    if (room < LABEL_PX - PAD_PX) return;
    context.fillStyle = looks.text;
    context.fillText(fitted(context, labelOf(span, painted), room), from, y + height / 2 + 0.5);
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

function lookOf(span: SpanState, hasChildren: boolean): Look {
  if (span.status === "error") return "error";
  if ((span.status ?? "running") === "running") return "running";
  if (span.backend) return LOOKS.find((look) => look === markOf(span)) ?? "plain";
  return hasChildren ? "outer" : "plain";
}

function labelOf(span: SpanState, { time, nowUs }: Painted): string {
  const length = time.endOf(span, nowUs) - time.startOf(span);
  const sign = span.status === "error" ? "✕ " : "";
  return `${sign}${shownName(span.name)}  ${length < 0 ? "" : duration(length)}`;
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
