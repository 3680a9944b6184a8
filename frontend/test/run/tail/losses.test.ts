import { expect, it } from "vitest";
import { losses, lossText } from "../../../src/run/tail/losses";

it("says how many events are missing, and where most of them went", () => {
  const list = losses({ run_cap: 2, queue_full: 1_200, too_large: 0 }, {});
  expect(list.map(({ reason, events }) => [reason, events])).toEqual([
    ["queue_full", 1_200],
    ["run_cap", 2],
  ]);
  expect(lossText(list)).toBe(
    "1,202 events of this run are missing, most of them (1,200) in the application's queue",
  );
  expect(list.every(({ why, remedy }) => why && remedy)).toBe(true);
});

it("says it of a single reason, and of one event", () => {
  expect(lossText(losses({ redis_lost: 17 }, {}))).toBe("17 events of this run are missing, lost in Redis");
  expect(lossText(losses({ run_cap: 1 }, {}))).toBe(
    "1 event of this run is missing, lost at the run's limit",
  );
});

it("knows what nobody can count, and a reason that it does not know", () => {
  expect(lossText(losses({}, { maybe_incomplete: true }))).toBe(
    "Something may be missing: a process of this run died",
  );
  expect(losses({ constructor: 1 }, {})[0]).toMatchObject({ where: "on their way", remedy: "" });
});

it("says nothing where nothing is missing", () => {
  expect(lossText(losses({ run_cap: 0 }, { abandoned: 3 }))).toBe("");
});
