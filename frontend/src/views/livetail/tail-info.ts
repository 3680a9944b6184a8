/** What the livetail says of its events: how many there are, and of how many. Pure. */
import { count, plural } from "../../text/format";

export interface TailState {
  /** Events that are shown, and all that are here. */
  readonly shown: number;
  readonly here: number;
  /** Events of the run that are older than those that are here. */
  readonly older: number;
  /** The oldest seq that the run still has. */
  readonly first: number;
  /** Events that have come since it was paused; null while it is not. */
  readonly missed: number | null;
  /** What is looked for, and how far that has come; null without a filter. */
  readonly search: { readonly left: number; readonly isBusy: boolean; readonly hasFailed: boolean } | null;
}

export function tailInfo({ shown, here, older, first, missed, search }: TailState): string {
  const parts: string[] = [];
  if (search) parts.push(`${plural(shown, "event")} found`);
  else parts.push(older > 0 ? `${count(here)} of ${count(here + older)}` : count(here));
  const left = search?.left ?? 0;
  if (search && left > 0) {
    const state = search.isBusy ? "being searched" : "not searched";
    parts.push(`${count(left)} older ${search.hasFailed ? "could not be searched" : state}`);
  }
  if (first > 0 && left === 0) parts.push(`${count(first)} oldest no longer kept`);
  if (missed !== null) parts.push(`paused, ${count(missed)} new`);
  return parts.join(" · ");
}

/** Why no event is shown. */
export function emptyWords({ here, search }: Pick<TailState, "here" | "search">): string {
  if (here === 0) return "No events yet. They appear here as they happen.";
  return (search?.left ?? 0) > 0 ? "No event found yet." : "No event matches the filter.";
}
