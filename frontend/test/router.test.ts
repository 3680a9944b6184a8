import { expect, it } from "vitest";
import { address, parse } from "../src/browser/router";

const RUN = "4bf92f3577b34da6a3ce929d0e0e4736";

it("reads and writes the address of a run and of a span", () => {
  expect(parse(`/runs/${RUN}`, "?span=00f067aa0ba902b7")).toEqual({ runId: RUN, spanId: "00f067aa0ba902b7" });
  expect(address({ runId: RUN, spanId: "00f067aa0ba902b7" })).toBe(`/runs/${RUN}?span=00f067aa0ba902b7`);
  expect(parse("/runs/4BF92F35-77b3-4da6-a3ce-929d0e0e4736/", "").runId).toBe(RUN);
});

it("takes what is none for the start page", () => {
  for (const path of ["/", "/runs/", `/runs/${RUN}0`, `/runs/${"-".repeat(32)}`, `/runs/${RUN.slice(1)}-`])
    expect(parse(path, "?span=<script>")).toEqual({ runId: null, spanId: null });
  expect(address({ runId: null, spanId: null })).toBe("/");
});
