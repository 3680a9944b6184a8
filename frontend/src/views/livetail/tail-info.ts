/** What the livetail says of its events: how many there are, and of how many. Pure. */
import { count, plural } from "../../text/format";

export interface TailState {
  /** Events that are shown, and all that are here. */
  readonly shown: number;
  readonly here: number;
  /** What the run had when this page opened it is known. */
  readonly isLoaded: boolean;
  /** Events of the run that are older than those that are here. */
  readonly older: number;
  /** The oldest seq that the run still has. */
  readonly first: number;
  /** Events that have come since it was paused; null while it is not. */
  readonly missed: number | null;
  /** What is looked for, and how far that has come; null without a filter. */
  readonly search: { readonly left: number; readonly isBusy: boolean; readonly hasFailed: boolean } | null;
}

/** Events of the run are on their way, and none of them is here. */
function isLoading({ here, isLoaded, older }: Pick<TailState, "here" | "isLoaded" | "older">): boolean {
  return here === 0 && (!isLoaded || older > 0);
}

export function tailInfo(state: TailState): string {
  const { shown, here, older, first, missed, search } = state;
  if (isLoading(state)) return "";
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
export function emptyWords(state: Omit<TailState, "shown" | "missed">): string {
  const { here, first, search } = state;
  if (isLoading(state)) return "Loading events…";
  if (here === 0) return first > 0 ? "No longer kept." : "No events yet. They appear here as they happen.";
  return (search?.left ?? 0) > 0 ? "No event found yet." : "No event matches the filter.";
}
