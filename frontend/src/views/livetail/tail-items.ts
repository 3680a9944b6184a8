/** The rows of the livetail: its events, with room for the fields of the one that is open below it. Pure. */
import { indexAt } from "../../run/tail/tail-filter";
import type { TailEvent } from "../../service/wire";
import { type Below, isBelow, type TailItem } from "./tail-row";

export interface Opened {
  readonly seq: number | null;
  /** The rows that its fields take. */
  readonly below: readonly Below[];
}

export function tailItems(events: readonly TailEvent[], { seq, below }: Opened): readonly TailItem[] {
  const at = seq === null ? -1 : indexAt(events, seq);
  if (seq === null || events[at]?.seq !== seq) return events;
  return [...events.slice(0, at + 1), ...below, ...events.slice(at + 1)];
}

/** The row of an item; of one that is not there any more, the row that has its place. */
export function itemRow(item: TailItem, events: readonly TailEvent[], { seq, below }: Opened): number {
  const at = indexAt(events, isBelow(item) ? item.below : item.seq);
  if (isBelow(item)) return at + 1 + item.part;
  return seq !== null && item.seq > seq ? at + below.length : at;
}
