import { expect, it } from "vitest";
import { LogRecords } from "../../../src/run/conversation/logs";
import type { SpanState, TailEvent } from "../../../src/service/wire";

function log(seq: number, span: string, more: Partial<TailEvent> = {}): TailEvent {
  return { seq, ts: seq, event: "log", span_id: span, attributes: {}, ...more };
}

function seqsIn(records: LogRecords) {
  return (span_id: string, tail: readonly TailEvent[], more: Partial<SpanState> = {}) =>
    records.of({ span_id, kind: "llm_call", ...more } as SpanState, tail).map(({ seq }) => seq);
}

it("finds a span's log records in a tail that grows at both ends", () => {
  const seqs = seqsIn(new LogRecords());
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

it("finds a tool's records by its call, once each", () => {
  const seqs = seqsIn(new LogRecords());
  const named = { attributes: { tool_use_id: "toolu_1" } };
  const tail = [log(1, "call", named), log(2, "tool", named), log(3, "call")];
  const attributes = { "gen_ai.tool.call.id": "toolu_1" };
  expect(seqs("tool", tail, { kind: "tool", attributes })).toEqual([2, 1]);
  expect(seqs("tool", tail, { kind: "llm_call", attributes })).toEqual([2]);
  const records = new LogRecords();
  const tool = { span_id: "tool", kind: "tool" } as SpanState;
  expect(records.of(tool, [...tail, log(4, "below")], () => ["below"]).map(({ seq }) => seq)).toEqual([2, 4]);
});
