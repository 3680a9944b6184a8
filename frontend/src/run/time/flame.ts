/** A run as frames in rows: each span below its parent, what overlaps side by side in further rows. Pure. */
import type { SpanState } from "../../service/wire";
import type { TraceTree, TreeNode } from "../../tree";
import { visibleRows } from "../tree/rows";
import { isOpen } from "./span-times";
import type { TimeWindow } from "./time-scale";

export interface FlameInput {
  readonly tree: TraceTree;
  readonly spans: ReadonlyMap<string, SpanState>;
  startOf(span: SpanState): number;
  /** Of a span that has ended. */
  endOf(span: SpanState): number;
}

export interface Frame {
  readonly id: string;
  readonly row: number;
  readonly start: number;
  /** Infinity while it runs. */
  readonly end: number;
  readonly hasChildren: boolean;
  /** It stands for several that are too narrow to be told apart; `id` is the first one's. */
  readonly merged?: { readonly spans: number; readonly errors: number };
}

const NONE: ReadonlySet<string> = new Set();

export class FlameLayout {
  /** The frames of each row, the earliest first; in a row none overlaps another. */
  readonly rows: readonly (readonly Frame[])[];
  private readonly byId: ReadonlyMap<string, Frame>;

  constructor(rows: readonly (readonly Frame[])[]) {
    this.rows = rows;
    const single = rows.flat().filter((frame) => !frame.merged);
    this.byId = new Map(single.map((frame) => [frame.id, frame]));
  }

  get(id: string): Frame | undefined {
    return this.byId.get(id);
  }

  /** The first frame of a row that ends after a moment, by its place in the row. */
  firstAfter(row: number, at: number): number {
    const frames = this.rows[row] ?? [];
    let low = 0;
    let high = frames.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((frames[middle]?.end ?? 0) < at) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The frame at a moment, or one that is no further than `slack` microseconds from it. */
  at(row: number, at: number, slack: number): Frame | undefined {
    const frame = this.rows[row]?.[this.firstAfter(row, at - slack)];
    return frame && frame.start <= at + slack ? frame : undefined;
  }

  /** The frame beside one, in its row. */
  beside(frame: Frame, by: 1 | -1): Frame | undefined {
    const frames = this.rows[frame.row] ?? [];
    return frames[frames.indexOf(frame) + by];
  }
}

/** So many of the spans that a frame stands for are seen in a closer look at it. */
const SEEN = 50;

/** What to show for a closer look at a frame that ends at `end`; of several spans those around a moment. */
export function closerLook(frame: Frame, end: number, shown: TimeWindow, around = frame.start): TimeWindow {
  const { start, merged } = frame;
  if (!merged) return { from: start, to: end };
  const most = (shown.to - shown.from) / 4;
  const width = Math.min(most, ((end - start) * SEEN) / merged.spans);
  const from = Math.max(start, Math.min(around - width / 2, end - width));
  return { from, to: from + width };
}

/** The frame that an arrow key leads to: of those below and above, the one that shares time with it. */
export function beyond(layout: FlameLayout, at: Frame, by: 1 | -1): Frame | undefined {
  for (let row = at.row + by; row >= 0 && row < layout.rows.length; row += by) {
    const found = by > 0 ? layout.rows[row]?.[layout.firstAfter(row, at.start)] : layout.at(row, at.start, 0);
    if (found && found.start <= at.end) return found;
  }
  return undefined;
}

/** Lays out all spans by their starts; each takes the first free row below its parent. */
export function flameLayout(input: FlameInput): FlameLayout {
  const nodes = visibleRows(input.tree, NONE);
  const starts = orderStarts(nodes, input);
  const order = Uint32Array.from(nodes.keys()).sort((a, b) => (starts[a] ?? 0) - (starts[b] ?? 0) || a - b);
  const rowOf = new Map<TreeNode, number>();
  const rows: Frame[][] = [];
  const free = new FreeRows();
  for (const at of order) {
    const node = nodes[at];
    if (!node) continue;
    const below = node.parent ? (rowOf.get(node.parent) ?? -1) : -1;
    const span = input.spans.get(node.id);
    if (!span) {
      rowOf.set(node, below);
      continue;
    }
    const start = starts[at] ?? 0;
    const end = isOpen(span) ? Number.POSITIVE_INFINITY : Math.max(start, input.endOf(span));
    const row = free.take(below + 1, start, end);
    rowOf.set(node, row);
    rows[row] ??= [];
    rows[row].push({ id: node.id, row, start, end, hasChildren: node.children.length > 0 });
  }
  return new FlameLayout(rows);
}

/** A child whose clock says that it began before its parent is put where its parent begins. */
function orderStarts(nodes: readonly TreeNode[], input: FlameInput): Float64Array {
  const starts = new Float64Array(nodes.length);
  const byNode = new Map<TreeNode, number>();
  nodes.forEach((node, at) => {
    const span = input.spans.get(node.id);
    const own = span ? input.startOf(span) : node.start;
    const above = node.parent ? byNode.get(node.parent) : undefined;
    const start = above === undefined || !span ? own : Math.max(own, above);
    starts[at] = start;
    // A parent that is not here begins where its earliest child was sent to begin: that bounds nothing.
    if (span) byNode.set(node, start);
  });
  return starts;
}

/** From when on each row is free: the first free one below another is found in steps of a tree, not of rows. */
class FreeRows {
  private size = 64;
  /** The least of each pair below; rows begin at `size`. */
  private from = new Float64Array(128).fill(Number.NEGATIVE_INFINITY);

  /** The first row from `least` on that is free at `start`; it is taken until `end`. */
  take(least: number, start: number, end: number): number {
    while (least >= this.size) this.grow();
    let row = this.find(1, 0, this.size, least, start);
    while (row < 0) {
      this.grow();
      row = this.find(1, 0, this.size, least, start);
    }
    let at = row + this.size;
    this.from[at] = end;
    for (at >>= 1; at >= 1; at >>= 1)
      this.from[at] = Math.min(this.from[2 * at] ?? 0, this.from[2 * at + 1] ?? 0);
    return row;
  }

  private find(at: number, low: number, width: number, least: number, start: number): number {
    if (low + width <= least || (this.from[at] ?? 0) > start) return -1;
    if (width === 1) return low;
    const half = width >> 1;
    const left = this.find(2 * at, low, half, least, start);
    return left >= 0 ? left : this.find(2 * at + 1, low + half, half, least, start);
  }

  private grow(): void {
    const rows = this.from.slice(this.size);
    this.size *= 2;
    this.from = new Float64Array(2 * this.size).fill(Number.NEGATIVE_INFINITY);
    this.from.set(rows, this.size);
    for (let at = this.size - 1; at >= 1; at--)
      this.from[at] = Math.min(this.from[2 * at] ?? 0, this.from[2 * at + 1] ?? 0);
  }
}
