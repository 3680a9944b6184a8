import { expect, it } from "vitest";
import { EVERYTHING, fits, TailFilter } from "../../../src/run/tail/tail-filter";
import type { TailEvent } from "../../../src/service/wire";

function events(from: number, to: number, message = (seq: number) => `line ${seq % 2 ? "odd" : "even"}`) {
  return Array.from(
    { length: to - from },
    (_, at): TailEvent => ({ seq: from + at, ts: 0, event: "log", message: message(from + at) }),
  );
}

const seqs = (found: readonly TailEvent[]) => found.map((event) => event.seq);

it("looks at each event once, while the tail grows behind and is cut in front", () => {
  const filter = new TailFilter();
  filter.set({ ...EVERYTHING, words: " odd " });
  let looked = 0;
  const nameOf = () => {
    looked++;
    return "";
  };
  const tail = events(0, 6);
  expect(seqs(filter.of(tail, nameOf))).toEqual([1, 3, 5]);
  const later = [...tail.slice(2), ...events(6, 9)];
  expect(seqs(filter.of(later, nameOf))).toEqual([1, 3, 5, 7]);
  expect(looked).toBe(9);
});

it("starts anew when older events come in front, the tail is another one, or the words change", () => {
  const filter = new TailFilter();
  filter.set({ ...EVERYTHING, words: "odd" });
  const nameOf = () => "";
  const tail = events(4, 8);
  expect(seqs(filter.of(tail, nameOf))).toEqual([5, 7]);
  expect(seqs(filter.of([...events(0, 4), ...tail], nameOf))).toEqual([1, 3, 5, 7]);
  expect(
    seqs(
      filter.of(
        events(0, 9, () => "odd"),
        nameOf,
      ),
    ),
  ).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  expect(seqs(filter.of([], nameOf))).toEqual([]);
  expect(seqs(filter.of(tail, nameOf))).toEqual([5, 7]);
  filter.set({ ...EVERYTHING, words: "even" });
  expect(seqs(filter.of(tail, nameOf))).toEqual([4, 6]);
  filter.set({ ...EVERYTHING, words: "" });
  expect(filter.isSet).toBe(false);
  expect(seqs(filter.of(tail, nameOf))).toEqual([4, 5, 6, 7]);
});

it("goes on with pages that are older than the tail, and says how far it has come", () => {
  const filter = new TailFilter();
  filter.set({ ...EVERYTHING, words: "odd" });
  const nameOf = () => "";
  const tail = events(10, 14);
  expect(seqs(filter.of(tail, nameOf))).toEqual([11, 13]);
  expect(filter.searchedFrom).toBe(10);
  filter.older(events(6, 10), 6, nameOf);
  expect(filter.searchedFrom).toBe(6);
  expect(seqs(filter.of(tail, nameOf))).toEqual([7, 9, 11, 13]);
  // What scrolling brought to the page is not looked at twice.
  expect(seqs(filter.of([...events(6, 10), ...tail], nameOf))).toEqual([7, 9, 11, 13]);
});

it("keeps a bounded number of what fits, and then has not searched the rest", () => {
  const filter = new TailFilter();
  filter.set({ ...EVERYTHING, kind: "log" });
  expect(filter.of(events(0, 12_000), () => "")).toHaveLength(10_000);
  expect(filter.searchedFrom).toBe(2_000);
});

it("narrows by level, kind and backend", () => {
  const tail: TailEvent[] = [
    { seq: 0, ts: 0, event: "log", level: "DEBUG", message: "a" },
    { seq: 1, ts: 0, event: "log", level: "WARNING", message: "b" },
    { seq: 2, ts: 0, event: "llm_call_error", backend: "claude_cli" },
    { seq: 3, ts: 0, event: "llm_call_start", backend: "langchain", fallback_from: "claude_cli" },
    { seq: 4, ts: 0, event: "layer_complete" },
    { seq: 5, ts: 0, event: "cache_checked" },
  ];
  const found = (wanted: Partial<typeof EVERYTHING>) =>
    seqs(tail.filter((event) => fits(event, { ...EVERYTHING, ...wanted }, "")));
  expect(found({ level: "info" })).toEqual([1, 2, 3, 4, 5]);
  expect(found({ level: "warning" })).toEqual([1, 2]);
  expect(found({ level: "error" })).toEqual([2]);
  expect(found({ kind: "pipeline layer" })).toEqual([4]);
  expect(found({ kind: "other" })).toEqual([5]);
  expect(found({ backend: "claude_cli" })).toEqual([2, 3]);
  expect(found({ kind: "llm_call", words: "failed" })).toEqual([2]);
});
