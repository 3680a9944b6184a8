import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { RunFind } from "../../src/run/find/find";
import { spanMatches, terms } from "../../src/run/find/find-query";
import { jumpTo, targets } from "../../src/run/find/jumps";
import type { SearchAnswer, SearchHit, Snapshot, SpanState } from "../../src/service/wire";
import { RunStore } from "../../src/store";
import { withGoal } from "../../src/views/run/head/field-goals";

const RUN = "4bf92f3577b34da6a3ce929d0e0e4736";

function state(id: string, parent: string | null, rest: Partial<SpanState> = {}): SpanState {
  const start = rest.start ?? 0;
  return {
    span_id: id,
    parent_id: parent,
    name: id,
    kind: "span",
    status: "ok",
    start,
    end: start + 10,
    ...rest,
  };
}

/** root → (a → a1, a2), b; a2 failed and took a with it; b runs. */
function store(): RunStore {
  const made = new RunStore();
  const spans = [
    state("root", null, { status: "running", end: null }),
    state("b", "root", { start: 50, status: "running", end: null }),
    state("a", "root", { start: 10, end: 40, status: "error" }),
    state("a1", "a", { start: 11, end: 31, name: "chat", kind: "llm_call", model: "Sonnet", cost_nano: 5 }),
    state("a2", "a", {
      start: 32,
      end: 39,
      status: "error",
      kind: "llm_call",
      error: { type: "RateLimited", message: "Slow down" },
      fallback_reason: "timeout",
      cost_nano: 9,
    }),
  ];
  made.load({ spans, next_index: 0, epoch: "1" } as unknown as Snapshot);
  return made;
}

describe("a search's words", () => {
  it("may be quoted, and name the field that they stand in", () => {
    expect(terms('Slow "Two Words" status:error url:"a b" https://x std::y is:')).toEqual([
      { key: "", text: "slow" },
      { key: "", text: "two words" },
      { key: "status", text: "error" },
      { key: "url", text: "a b" },
      { key: "", text: "https://x" },
      { key: "", text: "std::y" },
      { key: "", text: "is:" },
    ]);
  });

  it("are all looked for in what the page holds", () => {
    const { spans } = store();
    const found = (query: string) =>
      [...spans.values()].filter((span) => spanMatches(span, terms(query))).map(({ span_id }) => span_id);
    expect(found("sonnet")).toEqual(["a1"]);
    expect(found("slow kind:llm")).toEqual(["a2"]);
    expect(found("slow kind:tool")).toEqual([]);
    expect(found("error:rate")).toEqual(["a2"]);
    expect(found("is:error")).toEqual(["a", "a2"]);
    expect(found("is:fallback")).toEqual(["a2"]);
    expect(found("is:llm")).toEqual(["a1", "a2"]);
    expect(found("http.url:x")).toEqual([]);
  });

  it("are looked for in ids where they are long enough not to stand there by chance, or where ids are asked for", () => {
    const span: SpanState = { ...state("0df4cd4299d85736", "ee70414839bb3e67"), name: "chat" };
    const matches = (query: string) => spanMatches(span, terms(query));
    expect(["0df4cd42", "9bb3e67 chat", "id:429", "parent:e67"].map(matches)).toEqual([
      true,
      false,
      true,
      true,
    ]);
    expect(["429", "3e67", "e70414839bb"].map(matches)).toEqual([false, false, true]);
  });
});

describe("a search in the run", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  const hit = (id: string | null, start = 0): SearchHit => ({
    start,
    span_id: id,
    name: id,
    kind: "span",
    status: "ok",
    seq: null,
    matches: [{ field: "attributes.x", before: "", match: "x", after: "" }],
  });
  const answer = (hits: SearchHit[], next: string | null = null): SearchAnswer => ({
    run_id: RUN,
    hits,
    found: hits.length,
    is_whole: next === null,
    next_cursor: next,
  });

  it("shows at once what the page knows, then what the service finds, in the order of the tree", async () => {
    const asked: (string | null)[] = [];
    const find = new RunFind(
      {
        search: async (_run, _q, _limit, cursor) => {
          asked.push(cursor);
          return cursor === null
            ? answer([hit("b"), hit("far", 7)], "2")
            : answer([hit("root"), hit(null), hit("b")]);
        },
      },
      () => {},
    );
    find.open(RUN, store(), "a");
    expect([find.hits.map(({ id }) => id), find.searching, find.whole]).toEqual([
      ["a", "a1", "a2"],
      true,
      false,
    ]);
    await vi.advanceTimersByTimeAsync(300);
    expect(asked).toEqual([null, "2"]);
    expect(find.hits.map(({ id }) => id)).toEqual(["root", "a", "a1", "a2", "b", "far"]);
    expect([find.searching, find.whole, find.loose]).toEqual([false, true, 1]);
    expect(find.hits.at(-1)?.matches[0]?.field).toBe("attributes.x");
  });

  it("does not ask for page after page of very many hits, and tells how many there are", async () => {
    let asked = 0;
    const many = Array.from({ length: 1_000 }, (_, index) => hit(`far${index}`, index));
    const find = new RunFind(
      {
        search: async () => {
          asked++;
          return { ...answer(many, "3"), found: 50_000, is_whole: true };
        },
      },
      () => {},
    );
    find.open(RUN, store(), "sonnet");
    await vi.advanceTimersByTimeAsync(300);
    expect([asked, find.hits.length, find.total, find.whole]).toEqual([1, 1_001, 50_000, true]);
  });

  it("goes from the chosen span to the next one and the one before, and round", async () => {
    const find = new RunFind({ search: async () => answer([]) }, () => {});
    find.open(RUN, store(), "is:error");
    expect(find.step(null, 1)?.id).toBe("a");
    expect(find.step("a", 1)?.id).toBe("a2");
    expect(find.step("a2", 1)?.id).toBe("a");
    expect(find.step("a", -1)?.id).toBe("a2");
    expect(find.step("a1", 1)?.id).toBe("a2");
    expect(find.step("a1", -1)?.id).toBe("a");
    expect(find.step("b", 1)?.id).toBe("a");
  });

  it("lets a span go whose state has changed since, and says when the service cannot search", async () => {
    const held = store();
    const find = new RunFind(
      {
        search: async () => {
          throw new Error("away");
        },
      },
      () => {},
    );
    find.open(RUN, held, "is:running");
    await vi.advanceTimersByTimeAsync(300);
    expect([find.hits.length, find.searching, find.problem]).toEqual([
      2,
      false,
      "The service cannot be reached",
    ]);
    held.foldEvent({
      ...state("b", "root", { rev: 3, start: 50 }),
      seq: 1,
      ts: 60,
      event: "span_complete",
    } as never);
    held.version++;
    find.refresh(10_000);
    expect(find.hits.map(({ id }) => id)).toEqual(["root"]);
  });
});

describe("jumps", () => {
  it("go to where an error began and to what works now, without those above", () => {
    expect(targets(store(), "error", 100)).toEqual(["a2"]);
    expect(targets(store(), "running", 100)).toEqual(["b"]);
    expect(jumpTo(store(), "error", "b", 100)).toBe("a2");
  });

  it("go from the slowest by its own time to the next, and from the dearest", () => {
    expect(targets(store(), "slowest", 100)).toEqual(["b", "a1", "root", "a2", "a"]);
    expect(jumpTo(store(), "slowest", "b", 100)).toBe("a1");
    expect(jumpTo(store(), "dearest", null, 100)).toBe("a2");
    expect(jumpTo(store(), "dearest", "a2", 100)).toBe("a1");
    expect(jumpTo(new RunStore(), "dearest", null, 100)).toBeUndefined();
  });
});

describe("figures above the run", () => {
  const go = (name: string, value: string) => withGoal({ name, value, title: "", tone: "plain" as const });

  it("lead to what they count, and nowhere where there is none", () => {
    expect(go("errors", "4").go).toBe("find:is:error");
    expect(go("error", "1")).toMatchObject({ go: "find:is:error", fixed: false, label: "1 error" });
    expect(go("errors", "0")).toMatchObject({ go: "", fixed: true });
    expect(go("cost", "$0.0303 +").go).toBe("jump:dearest");
    expect(go("cost", "$0").go).toBe("");
    expect(go("cost", "unpriced").go).toBe("find:is:unpriced");
    expect(go("corrected", "2").go).toBe("");
  });
});
