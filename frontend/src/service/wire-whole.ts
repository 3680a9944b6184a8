/** What the service answers about a run as a whole, however large it is. */
import type { SpanState } from "./wire-span";

/** What the service says of a run as a whole; nothing before it has read all of it. */
interface OfTheWhole {
  epoch: string | null;
  /** Spans that it has read. */
  indexed: number;
  complete: boolean;
}

export const JUMPS = ["error", "running", "slowest", "dearest"] as const;
export type Jump = (typeof JUMPS)[number];

/** The next error or running span; or the slowest or dearest ones, the first one first. */
export interface RunJump extends OfTheWhole {
  to: Jump;
  span_ids: string[];
}

/** What the run had to wait for; times in microseconds. */
export interface RunCriticalPath extends OfTheWhole {
  /** By span, from when to when, the latest first: those with the longest time on the path. */
  parts: Record<string, [number, number][]>;
  /** Spans on the path. */
  spans: number;
  length_us: number;
  left_out_us: number;
}

/** The time that the run takes, µs; null while nothing is said. */
export interface RunTimes extends OfTheWhole {
  start: number | null;
  end: number | null;
  outside: number;
  skewed: number;
  gaps: [number, number][];
}

export interface RunMinimap extends OfTheWhole {
  from: number;
  to: number;
  /** A letter for each step of time, see `run/time/whole-minimap.ts`. */
  lanes: string[];
}

/** Where a span stands in the flame graph; `end` null: it runs. */
export interface FlamePlace {
  lane: number;
  start: number;
  end: number | null;
}

/** A span, or several of one lane that are too narrow to be told apart: `span_id` is then the first one's. */
export interface FlameFrame extends FlamePlace {
  span_id: string;
  spans: number;
  errors: number;
  /** It is one span, and has spans below it. */
  outer: boolean;
}

export interface RunFlame extends OfTheWhole {
  from: number;
  to: number;
  /** Of the whole graph. */
  lanes: number;
  frames: FlameFrame[];
  /** Of the single spans that are wide enough for a word. */
  states: SpanState[];
  place: FlamePlace | null;
}
