import { describe, expect, it } from "vitest";
import type { TailEvent } from "../../src/service/wire";
import { emptyWords, tailInfo } from "../../src/views/livetail/tail-info";
import { itemRow, tailItems } from "../../src/views/livetail/tail-items";
import { tailMove } from "../../src/views/livetail/tail-move";

const events: TailEvent[] = [3, 5, 8].map((seq) => ({ seq, ts: seq, event: "log" }));
const below = [0, 1].map((part) => ({ below: 5, part }));

describe("the rows of the livetail", () => {
  it("are its events while none is open", () => {
    expect(tailItems(events, { seq: null, below: [] })).toBe(events);
    expect(tailItems(events, { seq: 4, below })).toBe(events);
  });

  it("have room below the event that is open", () => {
    const opened = { seq: 5, below };
    const items = tailItems(events, opened);
    expect(items).toEqual([events[0], events[1], ...below, events[2]]);
    expect(items.map((item) => itemRow(item, events, opened))).toEqual([0, 1, 2, 3, 4]);
    // What is not there any more has the place of what came after it.
    expect(itemRow({ seq: 4, ts: 4, event: "log" }, events, opened)).toBe(1);
  });
});

it("says how many events there are, and of how many", () => {
  const state = { shown: 3, here: 3, isLoaded: true, older: 0, first: 0, missed: null, search: null };
  expect(tailInfo(state)).toBe("3");
  expect(tailInfo({ ...state, older: 1_200, missed: 7 })).toBe("3 of 1,203 · paused, 7 new");
  expect(tailInfo({ ...state, first: 40 })).toBe("3 · 40 oldest no longer kept");
  const search = { left: 900, isBusy: true, hasFailed: false };
  expect(tailInfo({ ...state, shown: 1, first: 40, search })).toBe(
    "1 event found · 900 older being searched",
  );
  expect(tailInfo({ ...state, search: { ...search, isBusy: false } })).toContain("900 older not searched");
  expect(tailInfo({ ...state, search: { ...search, hasFailed: true } })).toContain("could not be searched");
  expect(emptyWords({ ...state, search })).toBe("No event found yet.");
  expect(emptyWords({ ...state, search: { ...search, left: 0 } })).toBe("No event matches the filter.");
});

it("says that nothing happened only where it knows", () => {
  const none = { shown: 0, here: 0, isLoaded: true, older: 0, first: 0, missed: null, search: null };
  expect([tailInfo(none), emptyWords(none)]).toEqual([
    "0",
    "No events yet. They appear here as they happen.",
  ]);
  // Before the snapshot, and before the events from before it.
  for (const early of [
    { ...none, isLoaded: false },
    { ...none, older: 13 },
  ])
    expect([tailInfo(early), emptyWords(early)]).toEqual(["", "Loading events…"]);
  expect(emptyWords({ ...none, first: 40 })).toBe("No longer kept.");
});

it("is gone through by keys", () => {
  const place = { at: 4, last: 20, isOpen: false, page: 6 };
  const to = (key: string, at = 4) => tailMove(key, { ...place, at });
  expect(["ArrowDown", "ArrowUp", "PageDown", "PageUp", "Home", "End"].map((key) => to(key))).toEqual(
    [5, 3, 10, 0, 0, 20].map((row) => ({ to: row })),
  );
  // Without a cursor it begins with what is newest.
  expect([to("ArrowUp", -1), to("ArrowDown", -1)]).toEqual([{ to: 20 }, { to: 20 }]);
  expect(["Enter", " ", "ArrowRight", "ArrowLeft", "Escape", "c", "x"].map((key) => to(key))).toEqual([
    "toggle",
    "toggle",
    "toggle",
    null,
    null,
    "copy",
    null,
  ]);
  const open = { ...place, isOpen: true };
  expect(["ArrowRight", "ArrowLeft", "Escape"].map((key) => tailMove(key, open))).toEqual([
    null,
    "toggle",
    "toggle",
  ]);
  expect(["Enter", "c"].map((key) => to(key, -1))).toEqual([null, null]);
});
