import { expect, it } from "vitest";
import { address, parse, runRoute } from "../src/browser/router";

const RUN = "4bf92f3577b34da6a3ce929d0e0e4736";

it("reads and writes the address of a run and of a span", () => {
  expect(parse(`/runs/${RUN}`, "?span=00f067aa0ba902b7")).toEqual(runRoute(RUN, "00f067aa0ba902b7"));
  expect(address(runRoute(RUN, "00f067aa0ba902b7"))).toBe(`/runs/${RUN}?span=00f067aa0ba902b7`);
  expect(parse("/runs/4BF92F35-77b3-4da6-a3ce-929d0e0e4736/", "").runId).toBe(RUN);
});

it("takes what is none for the start page", () => {
  for (const path of ["/", "/runs/", `/runs/${RUN}0`, `/runs/${"-".repeat(32)}`, `/runs/${RUN.slice(1)}-`])
    expect(parse(path, "?span=<script>")).toEqual(runRoute(null));
  expect(address(runRoute(null))).toBe("/");
});

it("knows the pages beside the runs, and no others", () => {
  for (const section of ["queue", "budgets", "notices"] as const) {
    const route = { section, runId: null, spanId: null };
    expect(parse(`/${section}`, "?span=00f067aa0ba902b7")).toEqual(route);
    expect(parse(`/${section}/`, "")).toEqual(route);
    expect(address(route)).toBe(`/${section}`);
  }
  for (const path of ["/runs", "/queues", "/queue/1", "/Queue", "//queue"])
    expect(parse(path, "")).toEqual(runRoute(null));
});
