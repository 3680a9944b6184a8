/** The page's own pass over a whole run, held to the cases that hold the service's: `tests/golden/whole_run`. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { criticalPath } from "../../../src/run/time/critical-path";
import { runExtent } from "../../../src/run/time/extent";
import { flameLayout } from "../../../src/run/time/flame";
import { idleGaps } from "../../../src/run/time/idle-gaps";
import { binClass, binnedBars } from "../../../src/run/time/minimap-bins";
import { endOf, isOpen, startOf } from "../../../src/run/time/span-times";
import { letters } from "../../../src/run/time/whole-minimap";
import { visibleRows } from "../../../src/run/tree/rows";
import type { RunSummary, SpanState } from "../../../src/service/wire";
import { RunStore } from "../../../src/store";

interface Seen {
  time: [number, number];
  outside: number;
  all: [number, number];
  gaps: [number, number][];
  path: Record<string, [number, number][]>;
  lanes: [string, number, number | null][][];
  minimap: string[];
}

interface Case {
  why: string;
  now: number;
  spans: (Omit<SpanState, "span_id" | "parent_id" | "start"> & {
    id: string;
    parent: string | null;
    start: number;
    end: number | null;
  })[];
  skews: Record<string, number>;
  as_sent: Seen;
  adjusted?: Seen;
}

const T0 = 1_795_308_986_000_000;
const WIDTH = 40;
const LANES = 4;

const url = new URL("../../../../tests/golden/whole_run/cases.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(url, "utf8")) as { cases: Case[] };

const us = (ms: number) => T0 + Math.round(ms * 1_000);
const ms = (at: number) => (at - T0) / 1_000;
const named = (id: string) => id.padStart(16, "0");
const short = (id: string) => id.replace(/^0+/, "");
const both = ({ from, to }: { from: number; to: number }): [number, number] => [ms(from), ms(to)];

function storeOf({ spans, skews }: Case): RunStore {
  const states = spans.map(({ id, parent, start, end, ...rest }): SpanState => {
    const skew = skews[id];
    return {
      status: "ok",
      kind: "span",
      rev: 1,
      ...rest,
      span_id: named(id),
      parent_id: parent === null ? null : named(parent),
      start: us(start),
      end: end === null ? null : us(end),
      ...(skew === undefined ? {} : { clock_skew_us: Math.round(skew * 1_000) }),
    };
  });
  const store = new RunStore();
  const run: RunSummary = { run_id: "1", status: "completed" };
  store.load({ run, spans: states, next_index: 0, epoch: null });
  return store;
}

function seen(store: RunStore, nowUs: number, adjusts: boolean): Seen {
  const near = runExtent(store, nowUs, adjusts, false);
  const all = runExtent(store, nowUs, adjusts, true);
  if (!near || !all) throw new Error("there are spans");
  const until = store.running.size > 0 ? Math.max(nowUs, near.end) : near.end;
  const start = (span: SpanState) => startOf(span, adjusts);
  const end = (span: SpanState) => endOf(span, nowUs, adjusts);
  const times = { tree: store.tree, spans: store.spans, startOf: start, endOf: end };
  const goesOn = (span: SpanState) => endOf(span, until, adjusts);
  const path = [...criticalPath(times)].map(([id, parts]) => [short(id), parts.map(both)]);
  const rows = visibleRows(store.tree, new Set());
  const length = Math.max(near.start + 1, until) - near.start;
  const lanes = Math.max(1, Math.min(LANES, rows.length));
  const bars = binnedBars(rows, WIDTH, lanes, (node) => {
    const span = store.spans.get(node.id);
    if (!span) return null;
    const from = (start(span) - near.start) / length;
    return { from, to: (end(span) - near.start) / length, of: binClass(span, node.children.length > 0) };
  });
  return {
    time: [ms(near.start), ms(near.end)],
    outside: near.outside,
    all: [ms(all.start), ms(all.end)],
    gaps: idleGaps(store, { from: near.start, to: until }, start, goesOn).map(both),
    path: Object.fromEntries(path),
    lanes: flameLayout(times).rows.map((row) =>
      row.map(({ id, start, end }) => [
        short(id),
        ms(start),
        end === Number.POSITIVE_INFINITY ? null : ms(end),
      ]),
    ),
    minimap: letters(bars, WIDTH, lanes),
  };
}

describe("a whole run", () => {
  it.each(cases)("$why", (one) => {
    const store = storeOf(one);
    expect(seen(store, us(one.now), false)).toEqual(one.as_sent);
    if (one.adjusted) expect(seen(store, us(one.now), true)).toEqual(one.adjusted);
    expect([...store.spans.values()].some(isOpen)).toBe(store.running.size > 0);
  });
});
