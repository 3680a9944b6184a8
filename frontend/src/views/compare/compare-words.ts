/** A comparison in words and figures. Pure. */
import type { RunSummary } from "../../service/wire";
import type { ComparedRow, ComparedSide, Comparison, Difference } from "../../service/wire-compare";
import * as format from "../../text/format";
import { reasonWords } from "../../text/reasons";
import { visible } from "../../text/visible";
import { isAlive } from "../run-list";

/** Microseconds; undefined where it has not begun. */
export function lengthUs(
  of: { start?: number | null; end?: number | null } | null,
  nowUs: number,
): number | undefined {
  return typeof of?.start === "number" ? Math.max(0, (of.end ?? nowUs) - of.start) : undefined;
}

/** "+1.20 s", "−$0.0041"; empty where either is unknown, or both are the same. */
export function delta(a: number | undefined, b: number | undefined, text: (value: number) => string): string {
  if (a === undefined || b === undefined || a === b) return "";
  return `${b > a ? "+" : "−"}${text(Math.abs(b - a))}`;
}

/** "2.4 times as much", "a third less": how the second stands to the first. */
export function shareWords(a: number | undefined, b: number | undefined): string {
  if (!a || b === undefined || a === b) return "";
  const percent = Math.round(((b - a) / a) * 100);
  if (percent === 0) return "less than 1 % apart";
  return percent >= 100
    ? `${(b / a).toFixed(1)} times as much`
    : `${Math.abs(percent)} % ${percent > 0 ? "more" : "less"}`;
}

const WORDS: Readonly<Record<Difference, string>> = {
  name: "name",
  status: "status",
  backend: "backend",
  model: "model",
  error: "error",
  tokens: "tokens",
  cost: "cost",
  input: "input",
  output: "output",
};

/** The span's name; of a call that another model served, both models. */
export function nameOf({ a, b, name, changed }: ComparedRow): string {
  return changed.includes("model") ? `${a?.model ?? "no model"} → ${b?.model ?? "no model"}` : name;
}

/** "ok → error · 429: rate limited · another prompt". */
export function noteOf(row: ComparedRow): string {
  const { a, b, kind } = row;
  if (!a || !b) return (b ?? a)?.error ?? "";
  const changed = new Set(row.changed);
  const words: string[] = [];
  if (changed.has("status")) words.push(`${a.status} → ${b.status}`);
  if (changed.has("error")) words.push(b.error ?? a.error ?? "");
  if (changed.has("backend")) words.push(`${a.backend ?? "none"} → ${b.backend ?? "none"}`);
  const isCall = kind === "llm_call";
  if (changed.has("input")) words.push(isCall ? "another prompt" : "another input");
  if (changed.has("output")) words.push(isCall ? "another answer" : "another output");
  return visible(words.filter(Boolean).join(" · ").replace(/\s+/g, " ").slice(0, 200));
}

/** What differs, as one sentence for the details. */
export function differenceWords(row: ComparedRow): string {
  if (!row.a) return "Only run B has this span.";
  if (!row.b) return "Only run A has this span.";
  if (row.changed.length === 0) return "Both runs have this span; nothing differs but its times.";
  const words = row.kind === "llm_call" ? { ...WORDS, input: "prompt", output: "answer" } : WORDS;
  return `Both runs have this span. What differs: ${row.changed.map((each) => words[each]).join(", ")}.`;
}

export interface Figure {
  readonly name: string;
  readonly a: string;
  readonly b: string;
  readonly delta: string;
  readonly title: string;
}

function figure(
  name: string,
  a: number | undefined,
  b: number | undefined,
  text: (value: number) => string,
): Figure {
  const shown = (value: number | undefined): string => (value === undefined ? "–" : text(value));
  return { name, a: shown(a), b: shown(b), delta: delta(a, b, text), title: shareWords(a, b) };
}

interface Sums {
  calls: number;
  fallbacks: number;
  /** Attempts that were not made. */
  skipped: number;
  input: number;
  output: number;
}

function sums(run: RunSummary): Sums {
  const all = { calls: 0, fallbacks: 0, skipped: 0, input: 0, output: 0 };
  for (const { calls, fallbacks, expected_fallbacks, tokens } of Object.values(run.backends ?? {})) {
    all.calls += calls ?? 0;
    all.fallbacks += fallbacks ?? 0;
    all.skipped += expected_fallbacks ?? 0;
    all.input += tokens?.input ?? 0;
    all.output += tokens?.output ?? 0;
  }
  return all;
}

function runCostNano(run: RunSummary, calls: number): number | undefined {
  const nano = format.costNano(run);
  // Nothing was paid, or nobody knows: only the former is a zero.
  return nano === 0 && (run.unpriced ?? 0) > 0 ? undefined : calls > 0 || nano ? nano : undefined;
}

/** Written as the counts beside it. */
function tokenCount(value: number): string {
  return value < 10_000 ? format.count(value) : format.tokens(value);
}

/** What the answer leaves out: it keeps rows that differ before others. */
export function leftOutText({ both, differing, left_out: out, rows }: Comparison): string {
  if (out === 0) return "";
  const isAre = out === 1 ? "is" : "are";
  if (out <= both - differing) return `${format.plural(out, "row")} without a difference ${isAre} not shown`;
  return `${format.count(out)} of ${format.count(out + rows.length)} rows ${isAre} not shown`;
}

/** The figures of both runs as a whole. */
export function figures({ a, b }: Comparison, nowUs: number): Figure[] {
  const [left, right] = [sums(a), sums(b)];
  const live = isAlive(a) || isAlive(b);
  const length = (run: RunSummary): number | undefined =>
    lengthUs(run, isAlive(run) ? nowUs : (run.start ?? nowUs));
  const took = figure("duration", length(a), length(b), live ? format.ticking : format.duration);
  // Of one that is over it is as exact as everywhere else.
  const shown = (run: RunSummary, ticking: string): string =>
    isAlive(run) ? ticking : figure("", length(run), undefined, format.duration).a;
  return [
    { ...took, a: shown(a, took.a), b: shown(b, took.b) },
    figure("cost", runCostNano(a, left.calls), runCostNano(b, right.calls), format.money),
    figure("LLM calls", left.calls, right.calls, format.count),
    figure("tokens in", left.input, right.input, tokenCount),
    figure("tokens out", left.output, right.output, tokenCount),
    figure("spans", a.spans ?? 0, b.spans ?? 0, format.count),
    figure("errors", a.errors ?? 0, b.errors ?? 0, format.count),
    figure("fallbacks", left.fallbacks, right.fallbacks, format.count),
    ...(left.skipped + right.skipped > 0
      ? [figure("skipped", left.skipped, right.skipped, format.count)]
      : []),
  ];
}

/** The figures of one pair. */
export function pairFigures({ a, b }: ComparedRow, nowUs: number): Figure[] {
  const cost = (side: ComparedSide | null): number | undefined => side?.cost_nano;
  const words = (name: string, of: (side: ComparedSide) => string | undefined): Figure => {
    const [left, right] = [(a && of(a)) ?? "–", (b && of(b)) ?? "–"];
    return { name, a: left, b: right, delta: a && b && left !== right ? "differs" : "", title: "" };
  };
  const after = ({ fallback_from: from, fallback_reason: reason }: ComparedSide): string | undefined =>
    from && `after ${from}: ${reasonWords(reason ?? "failed")}`;
  const rows = [
    words("status", (side) => side.status),
    figure("duration", lengthUs(a, nowUs), lengthUs(b, nowUs), format.duration),
    figure("cost", cost(a), cost(b), format.money),
    figure("tokens in", a?.tokens?.input, b?.tokens?.input, format.count),
    figure("tokens out", a?.tokens?.output, b?.tokens?.output, format.count),
    words("backend", (side) => side.backend),
    words("model", (side) => side.model),
    words("fallback", after),
  ];
  return rows.filter((row) => row.a !== "–" || row.b !== "–");
}
