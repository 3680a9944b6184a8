/** Spans by their names, for the command palette. */
import type { RunStore } from "../../store";
import { fuzzy } from "../../text/fuzzy";
import { shownName } from "../../text/visible";
import { STATUS_ICONS } from "../status";
import type { Command } from "./palette";

/** With fewer letters nearly every name would fit. */
const LEAST_LETTERS = 2;
/** Different names that are looked at. */
const MOST_NAMES = 20_000;
const MOST_FOUND = 50;

/** The first span of each name that fits. */
export function spanCommands(store: RunStore, query: string, go: (spanId: string) => void): Command[] {
  if (query.length < LEAST_LETTERS) return [];
  const firsts = new Map<string, { id: string; count: number }>();
  for (const [id, span] of store.spans) {
    const name = span.name ?? "";
    const known = firsts.get(name);
    if (known) known.count++;
    else if (firsts.size < MOST_NAMES) firsts.set(name, { id, count: 1 });
  }
  const found: Command[] = [];
  for (const [name, { id, count }] of firsts) {
    if (found.length >= MOST_FOUND) break;
    if (!fuzzy(query, name)) continue;
    const span = store.spans.get(id);
    const note = [span?.model, span?.backend, count > 1 ? `first of ${count}` : ""]
      .filter(Boolean)
      .join(" · ");
    found.push({
      group: "Spans",
      title: shownName(name),
      note,
      icon: STATUS_ICONS[span?.status ?? "ok"],
      run: () => go(id),
    });
  }
  return found;
}
