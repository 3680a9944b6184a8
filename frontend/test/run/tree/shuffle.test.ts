/** Whatever the order in which events arrive, the rows are the same. */
import { expect, it } from "vitest";
import { walked } from "../../../src/run/tree/pre-order";
import { visibleRows } from "../../../src/run/tree/rows";
import type { Frame, TailEvent } from "../../../src/service/wire";
import { RunStore } from "../../../src/store";
import { seeded } from "../../seeded";

const KINDS = ["span", "llm_call", "tool", "layer"];
const ENDS = [
  ["ok", "_complete"],
  ["error", "_error"],
  ["skipped", "_skip"],
  ["abandoned", "_abandoned"],
] as const;

/** A run of `count` spans: starts, updates and ends, in the order in which they happened. */
function eventsOf(random: () => number, count: number): TailEvent[] {
  const below = (most: number) => Math.floor(random() * most);
  const events: TailEvent[] = [];
  for (let number = 0; number < count; number++) {
    const kind = KINDS[below(KINDS.length)] ?? "span";
    const start = number * 10 + below(30);
    const parent = number === 0 ? null : `s${below(number)}`;
    const base = { run_id: "r", span_id: `s${number}`, parent_id: parent, kind, name: `n${number}`, start };
    events.push({ ...base, seq: 0, ts: start, event: `${kind}_start`, status: "running", rev: 1, end: null });
    if (below(3) === 0)
      events.push({
        ...base,
        seq: 0,
        ts: start + 1,
        event: `${kind}_update`,
        status: "running",
        rev: 2,
        end: null,
      });
    const end = ENDS[below(ENDS.length + 1)];
    if (!end) continue;
    const cost = kind === "llm_call" ? { cost_nano: below(1_000), tokens: { input: 1 } } : {};
    const over = { end: start + below(400), ts: start + 2, rev: 3, ...cost };
    events.push({ ...base, ...over, seq: 0, status: end[0], event: kind + end[1] });
  }
  return events;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const mixed = items.slice();
  for (let at = mixed.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    [mixed[at], mixed[other]] = [mixed[other] as T, mixed[at] as T];
  }
  return mixed;
}

function shown(events: readonly TailEvent[], batch: number): unknown {
  const store = new RunStore();
  for (let at = 0; at < events.length; at += batch) {
    const logs = events.slice(at, at + batch).map((event, number) => ({ ...event, seq: at + number }));
    store.fold({ logs, next_index: at + logs.length } as unknown as Frame);
    expect(store.tree.rows()).toEqual(walked(store.tree.roots));
  }
  return {
    rows: visibleRows(store.tree, new Set()).map((node) => {
      const { status, start, end } = store.spans.get(node.id) ?? {};
      return [node.id, node.depth, status, start, end, { ...node.total }];
    }),
    errors: store.errors,
    running: [...store.running].sort(),
    latest: store.latest,
  };
}

it("gives the same rows for any order of the same events, however they are cut into frames", () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = seeded(seed);
    const events = eventsOf(random, 1 + Math.floor(random() * 120));
    const inOrder = shown(events, 50);
    for (let again = 0; again < 3; again++) {
      const twice = again === 2 ? events.concat(events.slice(0, 20)) : events;
      expect(shown(shuffled(twice, random), 1 + Math.floor(random() * 40)), `seed ${seed}`).toEqual(inOrder);
    }
  }
});
