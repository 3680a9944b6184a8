/** When spans began and ended, as they were sent or with their clocks adjusted. Pure. */
import type { SpanState } from "../../service/wire";

type Timed = Pick<SpanState, "start" | "ts" | "end" | "status" | "clock_skew_us">;

/** Microseconds that a span's times are moved by: what its clock is thought to be ahead of the root's. */
function shift(span: Timed, adjusts: boolean): number {
  return adjusts ? (span.clock_skew_us ?? 0) : 0;
}

export function startOf(span: Timed, adjusts = false): number {
  return (span.start ?? span.ts ?? 0) - shift(span, adjusts);
}

/** A span that runs ends now; of one whose end nobody knows, the start is all there is. */
export function endOf(span: Timed, nowUs: number, adjusts = false): number {
  if (typeof span.end === "number") return span.end - shift(span, adjusts);
  const start = startOf(span, adjusts);
  return isOpen(span) ? Math.max(start, nowUs) : start;
}

export function isOpen(span: Pick<SpanState, "status">): boolean {
  return (span.status ?? "running") === "running";
}

/** How far the end lies before the start, in µs; 0 where it does not. */
export function reversedBy(span: Pick<SpanState, "start" | "end">): number {
  const { start, end } = span;
  return typeof end === "number" && start !== undefined && end < start ? start - end : 0;
}
