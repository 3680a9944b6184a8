import { expect, it } from "vitest";
import { address, parse, runRoute } from "../src/browser/router";

const RUN = "4bf92f3577b34da6a3ce929d0e0e4736";

it("reads and writes the address of a run and of a span", () => {
  expect(parse(`/runs/${RUN}`, "?span=00f067aa0ba902b7")).toEqual(runRoute(RUN, "00f067aa0ba902b7"));
  expect(address(runRoute(RUN, "00f067aa0ba902b7"))).toBe(`/runs/${RUN}?span=00f067aa0ba902b7`);
  expect(parse("/runs/4BF92F35-77b3-4da6-a3ce-929d0e0e4736/", "").runId).toBe(RUN);
});

it("takes what is none for the start page", () => {
  for (const path of ["/", "/runs/", "/runs/a/b", "/nothing"])
    expect(parse(path, "?span=<script>")).toEqual(runRoute(null));
  expect(address(runRoute(null))).toBe("/");
});

it("says what stands in the place of a run id and is none", () => {
  for (const odd of ["not-a-run", `${RUN}0`, "-".repeat(32), `${RUN.slice(1)}-`, "<b>", "100%"]) {
    const route = parse(`/runs/${encodeURIComponent(odd)}`, `?span=00f067aa0ba902b7`);
    expect(route).toEqual({ ...runRoute(null), odd });
    expect(address(route)).toBe(`/runs/${encodeURIComponent(odd)}`);
  }
  expect(parse("/runs/100%", "").odd).toBe("100%");
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
