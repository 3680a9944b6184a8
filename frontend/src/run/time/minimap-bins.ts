/** The bars of a whole run on few pixels: what is seen of each pixel is the most important span there. Pure. */
import type { SpanState } from "../../service/wire";
import { fellBack } from "../../text/reasons";

/** From what matters least to what matters most. */
export const BIN_CLASSES = ["outer", "plain", "llm", "fallback", "running", "error"] as const;
export type BinClass = (typeof BIN_CLASSES)[number];

export function binClass(span: SpanState, hasChildren: boolean): BinClass {
  if (span.status === "error") return "error";
  if ((span.status ?? "running") === "running") return "running";
  if (span.kind === "llm_call" && span.status !== "skipped") return fellBack(span) ? "fallback" : "llm";
  return hasChildren ? "outer" : "plain";
}

export interface BinnedBar {
  readonly lane: number;
  /** Pixels. */
  readonly from: number;
  readonly to: number;
  readonly of: BinClass;
}

/** Where a span stands on the map: 0 … 1, and what it is; null: nothing is known of it. */
export type Placed<Item> = (item: Item) => { from: number; to: number; of: BinClass } | null;

/**
 * Rows share lanes in their order, or as `shareOf` says (0 … 1, without 1). Each span costs two steps however long it is: what is open at a pixel is
 * summed up from where spans begin and end.
 */
export function binnedBars<Item>(
  rows: readonly Item[],
  widthPx: number,
  lanes: number,
  place: Placed<Item>,
  shareOf: (item: Item, index: number) => number = (_, index) => index / rows.length,
): BinnedBar[] {
  const width = Math.max(1, Math.floor(widthPx));
  const stride = width + 1;
  const changes = BIN_CLASSES.map(() => new Int32Array(lanes * stride));
  rows.forEach((node, index) => {
    const placed = place(node);
    if (!placed || placed.to < 0 || placed.from > 1) return;
    const from = Math.min(width - 1, Math.max(0, Math.floor(placed.from * width)));
    const to = Math.min(width, Math.max(from + 1, Math.ceil(placed.to * width)));
    const at = Math.floor(shareOf(node, index) * lanes) * stride;
    const steps = changes[BIN_CLASSES.indexOf(placed.of)];
    if (!steps) return;
    steps[at + from] = (steps[at + from] ?? 0) + 1;
    steps[at + to] = (steps[at + to] ?? 0) - 1;
  });
  const bars: BinnedBar[] = [];
  for (let lane = 0; lane < lanes; lane++) bars.push(...laneBars(lane, width, changes));
  return bars;
}

function laneBars(lane: number, width: number, changes: readonly Int32Array[]): BinnedBar[] {
  const bars: BinnedBar[] = [];
  const open = changes.map(() => 0);
  let since = 0;
  let shown = -1;
  for (let x = 0; x <= width; x++) {
    let top = -1;
    for (let of = 0; of < changes.length; of++) {
      open[of] = (open[of] ?? 0) + (changes[of]?.[lane * (width + 1) + x] ?? 0);
      if ((open[of] ?? 0) > 0) top = of;
    }
    if (x === width) top = -1;
    if (top === shown) continue;
    const of = BIN_CLASSES[shown];
    if (of) bars.push({ lane, from: since, to: x, of });
    shown = top;
    since = x;
  }
  return bars;
}
