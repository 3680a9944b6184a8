import { expect, it } from "vitest";
import { optionsQuery } from "../../src/views/start/start-options";

it("says how to start only what is not usual", () => {
  expect(optionsQuery(false, {})).toBe("");
  expect(optionsQuery(false, { budget_usd: "0.05", priority: "high", delay_s: "9" })).toBe(
    "?budget_usd=0.05",
  );
  expect(optionsQuery(true, { priority: "normal", delay_s: "", budget_usd: "" })).toBe("?queue=true");
  expect(optionsQuery(true, { priority: "high", delay_s: "30", budget_usd: "1" })).toBe(
    "?queue=true&priority=high&delay_s=30&budget_usd=1",
  );
  expect(optionsQuery(true, { priority: "low", delay_s: "0" })).toBe("?queue=true&priority=low");
});
