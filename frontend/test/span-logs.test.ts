import { expect, it } from "vitest";
import { SpanLogs } from "../src/run/conversation/span-logs";
import type { TailEvent } from "../src/service/wire";

function log(seq: number, span: string, more: Partial<TailEvent> = {}): TailEvent {
  return { seq, ts: seq, event: "log", span_id: span, attributes: {}, ...more };
}

it("finds a span's log records in a tail that grows at both ends", () => {
  const logs = new SpanLogs();
  const seqs = (span: string, tail: readonly TailEvent[]) => logs.of(span, tail).map(({ seq }) => seq);
  const tail = [log(4, "a"), log(5, "b"), log(6, "a", { event: "span_start" })];
  expect(seqs("a", tail)).toEqual([4]);
  expect(seqs("a", tail)).toEqual([4]);
  tail.push(log(7, "a"), { seq: 8, ts: 8, event: "log", span_id: "a" }, log(9, "a"));
  expect(seqs("a", tail)).toEqual([4, 7, 9]);
  expect(seqs("b", tail)).toEqual([5]);
  expect(seqs("a", [log(2, "a"), ...tail])).toEqual([2, 4, 7, 9]);
  expect(seqs("a", tail.slice(3))).toEqual([7, 9]);
  expect(seqs("a", [])).toEqual([]);
  expect(seqs("a", tail)).toEqual([4, 7, 9]);
});
