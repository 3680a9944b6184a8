/** The events of a tail that fit a filter. Pure. */

import type { TailEvent } from "../../service/wire";
import { UNNAMED_BACKEND } from "../../text/format";
import { family, matches, severity } from "./events";

/** What the livetail can be narrowed to; an empty field narrows nothing. */
export interface Wanted {
  readonly words: string;
  readonly level: string;
  readonly kind: string;
  readonly backend: string;
}

export const EVERYTHING: Wanted = { words: "", level: "", kind: "", backend: "" };

export interface TailChoice {
  readonly value: string;
  readonly text: string;
}

export const LEVELS: readonly TailChoice[] = [
  { value: "", text: "Any level" },
  { value: "info", text: "Without debug" },
  { value: "warning", text: "Warnings, errors" },
  { value: "error", text: "Errors" },
];

export const KINDS: readonly TailChoice[] = [
  { value: "", text: "Any kind" },
  { value: "pipeline layer", text: "Layers" },
  { value: "phase subphase", text: "Phases" },
  { value: "llm_call", text: "LLM calls" },
  { value: "step", text: "Tools and steps" },
  { value: "decision", text: "Decisions" },
  { value: "log", text: "Log lines" },
  { value: "other", text: "Other events" },
];

const SEVERITIES: Readonly<Record<string, number>> = { info: 1, warning: 2, error: 3 };

/** Events that fit are kept up to this number; beyond it the oldest go. */
const MOST_FOUND = 10_000;

/** Index of an event by its seq, or of the next one: a tail is ordered. */
export function indexAt(events: readonly TailEvent[], seq: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle]?.seq ?? 0) < seq) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What an event's span is called. */
type NameOf = (event: TailEvent) => string;

export function fits(event: TailEvent, wanted: Wanted, named: string): boolean {
  const { words, level, kind, backend } = wanted;
  if (level && severity(event) < (SEVERITIES[level] ?? 0)) return false;
  if (kind && !kind.split(" ").includes(family(event.event))) return false;
  if (backend && !isOf(event, backend)) return false;
  return matches(event, words, named);
}

function isOf(event: TailEvent, backend: string): boolean {
  if (backend === UNNAMED_BACKEND) return event.kind === "llm_call" && event.backend === undefined;
  return event.backend === backend || event.fallback_from === backend;
}

/**
 * Ten thousand events are filtered ten times a second: each is looked at once. What fits stays, also after it has left
 * the page's own tail; and older events than that can be looked through page by page.
 */
export class TailFilter {
  private wanted: Wanted = EVERYTHING;
  private found: TailEvent[] = [];
  /** Everything from this seq on was looked at … */
  private from = 0;
  /** … up to this one, the newest. */
  private last: TailEvent | undefined;

  get isSet(): boolean {
    const { words, level, kind, backend } = this.wanted;
    return Boolean(words || level || kind || backend);
  }

  /** Of the words every one must be in an event's text, or in its span's name. */
  set(wanted: Wanted): void {
    this.wanted = { ...wanted, words: wanted.words.trim() };
    this.forget();
  }

  forget(): void {
    this.found = [];
    this.from = 0;
    this.last = undefined;
  }

  /** The oldest seq that was looked at. */
  get searchedFrom(): number {
    return this.from;
  }

  of(tail: readonly TailEvent[], nameOf: NameOf): readonly TailEvent[] {
    if (!this.isSet) return tail.slice();
    const start = tail[0]?.seq ?? 0;
    const { last } = this;
    if (!last || tail[indexAt(tail, last.seq)] !== last) {
      this.forget();
      this.from = start;
    } else if (start < this.from) this.older(tail.slice(0, indexAt(tail, this.from)), start, nameOf);
    const seen = this.last ? indexAt(tail, this.last.seq) + 1 : 0;
    if (seen < tail.length) {
      this.found = this.found.concat(this.fitting(tail.slice(seen), nameOf));
      this.last = tail.at(-1);
      this.shorten();
    }
    return this.found;
  }

  /** Looks through older events: all from `start` on up to those that were looked at before. */
  older(events: readonly TailEvent[], start: number, nameOf: NameOf): void {
    this.found = this.fitting(
      events.filter((event) => event.seq < this.from),
      nameOf,
    ).concat(this.found);
    this.from = start;
    this.shorten();
  }

  private fitting(events: readonly TailEvent[], nameOf: NameOf): TailEvent[] {
    return events.filter((event) => fits(event, this.wanted, nameOf(event)));
  }

  private shorten(): void {
    if (this.found.length <= MOST_FOUND) return;
    this.found = this.found.slice(-MOST_FOUND);
    this.from = this.found[0]?.seq ?? this.from;
  }
}
