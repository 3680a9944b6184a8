import { describe, expect, it } from "vitest";
import {
  attemptWords,
  chainOf,
  chainSentence,
  explanation,
  isFallback,
  rowChain,
} from "../../../src/run/fallback-chain";
import type { Snapshot, SpanState } from "../../../src/service/wire";
import { RunStore } from "../../../src/store";
import { fellBack } from "../../../src/text/reasons";
import { noteOf } from "../../../src/views/trace/row-words";

function storeOf(...spans: (Partial<SpanState> & { span_id: string })[]): RunStore {
  const store = new RunStore();
  const whole = spans.map((span, at) => ({
    status: "ok",
    kind: "llm_call",
    start: at,
    end: at + 1,
    ...span,
  }));
  store.load({ spans: whole, next_index: 0, epoch: "1" } as unknown as Snapshot);
  return store;
}

const GROUP = { span_id: "group", kind: "llm_group" };
/** The first backend is known to be missing: it has no span. */
const LEFT_OUT = {
  span_id: "lc",
  parent_id: "group",
  backend: "langchain",
  fallback_from: "claude_cli",
  fallback_reason: "not_installed",
};
const FAILED = { ...LEFT_OUT, status: "error" as const, error: { message: "503" } };
const RESCUE = {
  span_id: "or",
  parent_id: "group",
  backend: "openrouter",
  fallback_from: "langchain",
  fallback_reason: "overloaded",
};

function inRow(store: RunStore, id: string): string[] | undefined {
  const node = store.tree.get(id);
  const chain = node && rowChain(store, node);
  return chain?.attempts.map((each) => `${each.span.backend} ${attemptWords(each)}`);
}

describe("a chain in the row of its group", () => {
  it("has the backend that was passed over without a span, and is calm about it", () => {
    const store = storeOf(GROUP, LEFT_OUT);
    expect(inRow(store, "group")).toEqual(["claude_cli skipped: not installed", "langchain served"]);
    expect(inRow(store, "lc")).toBeUndefined();
    const chain = chainOf(store, "lc");
    expect(chain && isFallback(chain)).toBe(false);
    expect(chain && chainSentence(chain)).toBe("Served by langchain; claude_cli was skipped, as expected.");
    expect(chain?.attempts.map((each) => explanation(each) !== undefined)).toEqual([true, false]);
    expect(noteOf({ ...GROUP, status: "ok" }, false, "", chain).text).toBe("");
  });

  it("warns where a backend failed, and says why", () => {
    const store = storeOf(GROUP, FAILED, RESCUE);
    expect(inRow(store, "group")).toEqual([
      "claude_cli skipped: not installed",
      "langchain failed: overloaded",
      "openrouter served",
    ]);
    const chain = chainOf(store, "group");
    expect(chain && isFallback(chain)).toBe(true);
    expect(noteOf({ ...GROUP, status: "ok" }, false, "", chain).text).toBe("overloaded");
    const alone = chainOf(storeOf(GROUP, FAILED), "group");
    expect(alone && chainSentence(alone)).toBe(
      "No backend answered: langchain failed; claude_cli was skipped, as expected.",
    );
  });

  it("is none where the first one answered", () => {
    const store = storeOf(GROUP, { span_id: "cli", parent_id: "group", backend: "claude_cli" });
    expect(inRow(store, "group")).toBeUndefined();
    expect(inRow(store, "cli")).toBeUndefined();
  });
});

it("stands in the row of an attempt that has no group", () => {
  const store = storeOf({ span_id: "root", kind: "span" }, { ...RESCUE, parent_id: "root" });
  expect(inRow(store, "or")).toEqual(["langchain failed: overloaded", "openrouter served"]);
  expect(inRow(store, "root")).toBeUndefined();
});

it("falls back only after a failure, as the service counts", () => {
  expect(fellBack(RESCUE)).toBe(true);
  expect(fellBack({ fallback_from: "a" })).toBe(true);
  expect(fellBack(LEFT_OUT)).toBe(false);
  expect(fellBack({})).toBe(false);
});
