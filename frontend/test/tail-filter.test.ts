import { expect, it } from "vitest";
import { TailFilter } from "../src/run/tail-filter";
import type { TailEvent } from "../src/service/wire";

function events(from: number, to: number, message = (seq: number) => `line ${seq % 2 ? "odd" : "even"}`) {
  return Array.from(
    { length: to - from },
    (_, at): TailEvent => ({ seq: from + at, ts: 0, event: "log", message: message(from + at) }),
  );
}

const seqs = (found: readonly TailEvent[]) => found.map((event) => event.seq);

it("looks at each event once, while the tail grows behind and is cut in front", () => {
  const filter = new TailFilter();
  filter.set(" odd ");
  let looked = 0;
  const nameOf = () => {
    looked++;
    return "";
  };
  const tail = events(0, 6);
  expect(seqs(filter.of(tail, nameOf))).toEqual([1, 3, 5]);
  const later = [...tail.slice(2), ...events(6, 9)];
  expect(seqs(filter.of(later, nameOf))).toEqual([3, 5, 7]);
  expect(looked).toBe(9);
});

it("starts anew when older events come in front, the tail is another one, or the words change", () => {
  const filter = new TailFilter();
  filter.set("odd");
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
  filter.set("even");
  expect(seqs(filter.of(tail, nameOf))).toEqual([4, 6]);
  filter.set("");
  expect(filter.isSet).toBe(false);
  expect(seqs(filter.of(tail, nameOf))).toEqual([4, 5, 6, 7]);
});
