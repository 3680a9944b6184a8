/** Times in which nothing of a run worked, and an axis on which they take little room. Pure. */
import type { SpanState } from "../../service/wire";
import type { TraceTree } from "../../tree";
import { visibleRows } from "../tree/rows";
import type { TimeWindow } from "./time-scale";

/** A shorter wait, as a share of the whole, is left as it is. */
const LEAST_SHARE = 0.04;
/** What a gap takes of the axis that is left. */
const ROOM = 0.025;

const NONE: ReadonlySet<string> = new Set();

export interface GapInput {
  readonly spans: ReadonlyMap<string, SpanState>;
  readonly tree: TraceTree;
  /** What stands below these is not here ("": below none): it may have worked all the time. */
  readonly folded?: ReadonlyMap<string, unknown>;
}

/**
 * Where only spans were open that have others below them, or that wait in a queue. Work begins and ends with the start
 * and the end of a span, so these are no part of a gap. There are few, for each is a good share of the whole.
 */
export function idleGaps(
  { spans, tree, folded }: GapInput,
  whole: TimeWindow,
  startOf: (span: SpanState) => number,
  endOf: (span: SpanState) => number,
): TimeWindow[] {
  if (folded?.has("") || whole.to <= whole.from) return [];
  const starts: number[] = [];
  const ends: number[] = [];
  const add = (from: number, to: number) => {
    starts.push(from);
    ends.push(Math.max(from, to));
  };
  for (const node of visibleRows(tree, NONE)) {
    const span = spans.get(node.id);
    if (!span) continue;
    const from = startOf(span);
    const to = endOf(span);
    if ((node.children.length === 0 && span.kind !== "queue") || folded?.has(node.id)) {
      add(from, to);
    } else {
      add(from, from);
      add(to, to);
    }
  }
  const order = Uint32Array.from(starts.keys()).sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0));
  const least = (whole.to - whole.from) * LEAST_SHARE;
  const gaps: TimeWindow[] = [];
  let until = whole.from;
  for (const at of order) {
    const from = starts[at] ?? 0;
    if (from - until >= least && until >= whole.from && from <= whole.to)
      gaps.push({ from: until, to: from });
    until = Math.max(until, ends[at] ?? 0);
  }
  return gaps;
}

interface Cut extends TimeWindow {
  /** On the axis, microseconds as it counts them. */
  readonly axisFrom: number;
  readonly axisTo: number;
}

/** An axis on which gaps are short. Without gaps it is time itself. */
export class FoldedTime {
  readonly cuts: readonly Cut[];

  constructor(gaps: readonly TimeWindow[] = [], whole: TimeWindow = { from: 0, to: 0 }) {
    const idle = gaps.reduce((sum, gap) => sum + gap.to - gap.from, 0);
    const room = Math.max(1, (whole.to - whole.from - idle) * ROOM);
    let saved = 0;
    this.cuts = gaps.map(({ from, to }) => {
      const axisFrom = from - saved;
      const axisTo = axisFrom + Math.min(room, to - from);
      saved = to - axisTo;
      return { from, to, axisFrom, axisTo };
    });
  }

  toAxis(at: number): number {
    let saved = 0;
    for (const cut of this.cuts) {
      if (at <= cut.from) break;
      if (at < cut.to)
        return cut.axisFrom + ((at - cut.from) / (cut.to - cut.from)) * (cut.axisTo - cut.axisFrom);
      saved = cut.to - cut.axisTo;
    }
    return at - saved;
  }

  toReal(axis: number): number {
    let saved = 0;
    for (const cut of this.cuts) {
      if (axis <= cut.axisFrom) break;
      if (axis < cut.axisTo)
        return cut.from + ((axis - cut.axisFrom) / (cut.axisTo - cut.axisFrom)) * (cut.to - cut.from);
      saved = cut.to - cut.axisTo;
    }
    return axis + saved;
  }

  /** The parts of a window that lie between the cuts. */
  pieces({ from, to }: TimeWindow): TimeWindow[] {
    const pieces: TimeWindow[] = [];
    let start = from;
    for (const cut of this.cuts) {
      if (cut.to <= from || cut.from >= to) continue;
      if (cut.from > start) pieces.push({ from: start, to: cut.from });
      start = Math.max(start, cut.to);
    }
    if (start < to || pieces.length === 0) pieces.push({ from: start, to });
    return pieces;
  }
}
