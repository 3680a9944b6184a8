/** The page's copy of each rule of the event format, held to the cases in `tests/golden/rules`. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { changesSpan, compare, merged } from "../../../src/fold";
import type { SpanState, SpanStatus, TailEvent } from "../../../src/service/wire";
import { isUnpriced, RunStore } from "../../../src/store";
import { costNano } from "../../../src/text/format";
import { rowName, targetOf } from "../../../src/text/span-target";

interface Case {
  why: string;
}

function rule<T extends Case>(file: string, part = "cases"): T[] {
  const url = new URL(`../../../../tests/golden/rules/${file}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, "utf8"))[part] as T[];
}

interface OrderCase extends Case {
  held: Pick<SpanState, "status" | "rev">;
  event: Pick<TailEvent, "event" | "status" | "rev">;
  outcome: "wins" | "repeats" | "loses";
}

interface SequenceCase extends Case {
  events: TailEvent[];
  state: SpanState;
  attributes?: SpanState["attributes"];
  absent?: string[];
}

interface WrappingCase extends Case {
  spans: {
    id: string;
    parent: string | null;
    kind: string;
    status?: SpanStatus;
    nano?: number;
    account?: number;
  }[];
  nano: number;
}

describe("the fold", () => {
  it.each(rule<OrderCase>("fold", "order"))("$why", ({ held, event, outcome }) => {
    const order = compare(event, held);
    expect(order > 0 ? "wins" : order < 0 ? "loses" : "repeats").toBe(outcome);
  });

  it.each(rule<Case & { event: string; kind: string; changes: boolean }>("fold", "names"))(
    "$why",
    ({ event, kind, changes }) => {
      expect(changesSpan({ seq: 0, ts: 0, event, kind, span_id: "1" })).toBe(changes);
    },
  );

  it.each(rule<SequenceCase>("fold", "sequences"))("$why", ({ events, state, attributes, absent = [] }) => {
    const store = new RunStore();
    let held: SpanState | undefined;
    for (const event of events) {
      store.foldEvent({ ...event, span_id: "1" });
      const next = { ...event, span_id: "1" };
      if (!held) held = next;
      else if (compare(event, held) >= 0) held = merged(held, next);
    }
    for (const made of [held, store.spans.get("1")]) {
      expect(made).toMatchObject(state);
      for (const name of absent) expect(made).not.toHaveProperty(name);
    }
    if (attributes) expect(held?.attributes).toEqual(attributes);
  });
});

function orders<T>(items: readonly T[]): T[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((first, i) =>
    orders(items.filter((_, at) => at !== i)).map((rest) => [first, ...rest]),
  );
}

describe("wrappers", () => {
  it.each(rule<WrappingCase>("wrapping"))("$why", ({ spans, nano }) => {
    for (const order of orders(spans)) {
      const store = new RunStore();
      for (const { id, parent, kind, status = "ok", nano: cost, account } of order) {
        store.foldEvent({
          seq: 0,
          ts: 1,
          event: `${kind}_${status === "running" ? "start" : "complete"}`,
          span_id: id,
          parent_id: parent,
          kind,
          status,
          start: 1,
          ...(cost !== undefined && { cost_nano: cost }),
          ...(account !== undefined && { account: { backend: "b", cost_nano: account } }),
        });
      }
      expect(store.tree.roots.reduce((sum, root) => sum + root.total.cost, 0)).toBe(nano);
    }
  });
});

describe("money", () => {
  it.each(rule<Case & { usd: number; nano: number }>("money", "nano"))("$why", ({ usd, nano }) => {
    expect(costNano({ cost_usd: usd })).toBe(nano);
  });

  it.each(rule<Case & { state: SpanState; unpriced: boolean }>("money", "unpriced"))(
    "$why",
    ({ state, unpriced }) => {
      expect(isUnpriced(state)).toBe(unpriced);
    },
  );
});

interface TargetCase extends Case, Pick<SpanState, "name" | "kind" | "span_kind" | "attributes"> {
  target: string | null;
  row: string;
}

describe("what a span was directed at", () => {
  it.each(rule<TargetCase>("target"))("$why", ({ target, row, ...span }) => {
    expect(targetOf(span) ?? null).toBe(target);
    expect(rowName(span)).toBe(row);
    const { attributes: _attributes, ...answered } = span;
    expect(rowName({ ...answered, ...(target !== null && { target }) })).toBe(row);
  });

  it("stays when the page drops the attributes of a span that has ended", () => {
    const store = new RunStore();
    const span = { ts: 1, span_id: "1", kind: "span", span_kind: "client", name: "GET", start: 1 } as const;
    const asked = { "http.request.method": "GET", "server.address": "api.example.com", "url.path": "/v1" };
    store.foldEvent({ ...span, seq: 0, rev: 1, event: "span_start", status: "running", attributes: asked });
    expect(rowName(store.spans.get("1") ?? {})).toBe("GET api.example.com/v1");
    store.foldEvent({
      ...span,
      seq: 1,
      rev: 2,
      event: "span_complete",
      status: "ok",
      end: 2,
      attributes: asked,
    });
    expect(store.spans.get("1")?.attributes).toBeUndefined();
    expect(rowName(store.spans.get("1") ?? {})).toBe("GET api.example.com/v1");
  });
});
