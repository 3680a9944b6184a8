import { expect, it } from "vitest";
import { LateMarks } from "../../../src/run/tail/tail-order";
import type { TailEvent } from "../../../src/service/wire";
import { eventWords, kindWords } from "../../../src/text/event-words";

const SECOND = 1_000_000;

function late(...seconds: number[]): (number | undefined)[] {
  const events = seconds.map((at, seq): TailEvent => ({ seq, ts: at * SECOND, event: "log" }));
  const marks = new LateMarks();
  marks.look(events);
  return events.map((event) => marks.of(event));
}

it("marks what came after newer events", () => {
  expect(late(1, 2, 3, 0.9, 3.1)).toEqual([undefined, undefined, undefined, 2.1 * SECOND, undefined]);
});

it("does not mind the few milliseconds of a batch", () => {
  expect(late(1, 1.05, 1.01, 1.06)).toEqual([undefined, undefined, undefined, undefined]);
});

it("takes one event from an hour ahead for the exception that it is", () => {
  expect(late(1, 3_600, 1.1, 1.2, 1.3, 1.4).every((mark) => mark === undefined)).toBe(true);
});

it("has words for every change of every kind, and none for an application's own names", () => {
  expect(eventWords("llm_call_update")).toBe("LLM call goes on");
  expect(eventWords("subphase_complete")).toBe("subphase done");
  expect(["llm_call", "mine", "toString"].map(kindWords)).toEqual(["LLM call", "mine", "toString"]);
  expect(eventWords("decision_point")).toBe("decision");
  expect(eventWords("payment_error")).toBe("payment_error");
  expect(eventWords("constructor")).toBe("constructor");
});
