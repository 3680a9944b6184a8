/** What the tree says above its rows, and of a bar. Pure. */
import type { RunStore } from "../../store";
import * as format from "../../text/format";
import { lengthWords } from "../../text/span-words";

type Counted = Pick<RunStore, "spanCount" | "runningCount" | "indexed" | "whole" | "spans">;

/** "12 spans · 3 running" */
export function summaryWords({ spanCount, runningCount, indexed, whole, spans }: Counted): string {
  const parts = [format.plural(spanCount, "span")];
  if (runningCount > 0) parts.push(`${format.count(runningCount)} running`);
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
