/** What the tree says above its rows, and of a bar. Pure. */
import type { RunStore } from "../../store";
import * as format from "../../text/format";
import { lengthWords } from "../../text/span-words";

type Counted = Pick<RunStore, "spanCount" | "indexed" | "whole" | "spans">;

/** "12 spans"; how many of them run stands above the run. */
export function summaryWords({ spanCount, indexed, whole, spans }: Counted): string {
  const parts = [format.plural(spanCount, "span")];
  if (indexed !== null) parts.push(`${format.count(indexed)} read so far`);
  else if (whole) parts.push(`${format.count(spans.size)} here`);
  return parts.join(" · ");
}

export interface BarTimes {
  /** µs after the start of the run. */
  readonly begun: number;
  readonly length: number;
  readonly self: number | undefined;
}

/** The figures of a bar, a line each. */
export function barWords({ begun, length, self }: BarTimes): string {
  const lines = [`${format.offset(begun)} after the start of the run`, lengthWords(length)];
  if (self !== undefined) lines.push(`self time ${format.duration(self)}`);
  return lines.filter(Boolean).join("\n");
}
