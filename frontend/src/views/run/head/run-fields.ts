/** The run's header in figures. Pure. */

import type { Marks } from "../../../service/wire";
import type { RunStore } from "../../../store";
import { amount, count, length, money, moneyExact, plural, ticking } from "../../../text/format";
import type { BackendTable } from "./backends";

export interface Field {
  name: string;
  value: string;
  title: string;
  tone: "plain" | "quiet" | "warn" | "bad" | "gone";
}

export interface RunFieldsInput {
  readonly store: Pick<RunStore, "spanCount" | "runningCount" | "errorCount" | "unpricedNotes">;
  readonly table: BackendTable;
  readonly marks: Readonly<Marks>;
  /** Events of the run that are known to be missing, by reason. */
  readonly dropped: Readonly<Record<string, number>>;
  /** What the run may spend. */
  readonly limitNano?: number | null;
  readonly start: number | null | undefined;
  readonly end: number | null | undefined;
  readonly alive: boolean;
  readonly nowUs: number;
}

/** Reasons in one title: a reader wants to know the kind, not every model. */
const MOST_NOTES = 8;

export function runLength(input: RunFieldsInput): string {
  const { start, end } = input;
  if (start === undefined || start === null) return "";
  if (input.alive) return ticking(input.nowUs - start);
  return typeof end === "number" ? length(end - start) : "";
}

export function fields(input: RunFieldsInput): Field[] {
  const { store, table, marks } = input;
  const list: Field[] = [];
  const add = (name: string, value: string, title: string, tone: Field["tone"] = "plain") =>
    list.push({ name, value, title, tone });
  const why = [...store.unpricedNotes.keys()]
    .slice(0, MOST_NOTES)
    .map((note) => `\n${note}`)
    .join("");
  if (table.calls > 0 && table.nano === 0 && table.unpriced > 0) {
    add("cost", "unpriced", `${plural(table.unpriced, "call")} without a price${why}`);
  } else {
    const rest = table.unpriced > 0 ? `, and ${plural(table.unpriced, "call")} without a price${why}` : "";
    const { limitNano } = input;
    const limit = typeof limitNano === "number" ? ` of ${amount(limitNano)}` : "";
    const cost = `${money(table.nano)}${table.unpriced > 0 ? " +" : ""}${limit}`;
    const budget = limit && `, and the run may spend ${moneyExact(limitNano ?? 0)}`;
    add("cost", cost, `${moneyExact(table.nano)}${budget}${rest}`, table.calls > 0 ? "plain" : "quiet");
  }
  add(store.spanCount === 1 ? "span" : "spans", count(store.spanCount), "Spans of this run");
  if (table.calls > 0)
    add(table.calls === 1 ? "LLM call" : "LLM calls", count(table.calls), "Calls of models that have ended");
  if (table.unpriced > 0 && table.nano > 0)
    add("unpriced", count(table.unpriced), `Calls without a price${why}`, "warn");
  add(
    store.errorCount === 1 ? "error" : "errors",
    count(store.errorCount),
    "Spans that ended in an error",
    store.errorCount > 0 ? "bad" : "quiet",
  );
  add(
    table.fallbacks === 1 ? "fallback" : "fallbacks",
    count(table.fallbacks),
    "LLM calls that went on to another backend after a failure",
    table.fallbacks > 0 ? "warn" : "quiet",
  );
  if (table.skipped > 0)
    add(
      "skipped",
      count(table.skipped),
      "Attempts that were not made: not installed, failed lately, over budget",
    );
  const lost = Object.values(input.dropped).reduce((sum, events) => sum + events, 0);
  // After a process that died nobody knows: the line below says so.
  if (lost > 0 || !marks.maybe_incomplete)
    add(
      "lost",
      count(lost),
      lost > 0
        ? "Events of this run that are missing"
        : "Every event that was sent is here: none was lost on the way",
      lost > 0 ? "warn" : "quiet",
    );
  if (marks.abandoned)
    add("abandoned", count(marks.abandoned), "Open spans of processes that are not heard any more", "gone");
  if (marks.corrected)
    add("corrected", count(marks.corrected), "Spans that were thought abandoned and were heard of again");
  if (marks.stale) add("source", "silent", "Spans are open, and nothing was heard for a minute", "warn");
  // At the end: it gets more and fewer digits all the time, and is gone at last, and nothing else shall move for it.
  if (store.runningCount > 0) add("running", count(store.runningCount), "Spans that are at work now");
  return list;
}
