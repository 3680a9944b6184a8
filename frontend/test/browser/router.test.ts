import { expect, it } from "vitest";
import { address, parse, runRoute, SECTIONS, sectionRoute } from "../../src/browser/router";

const RUN = "4bf92f3577b34da6a3ce929d0e0e4736";

it("reads and writes the address of a run and of a span", () => {
  expect(parse(`/runs/${RUN}`, "?span=00f067aa0ba902b7")).toEqual(runRoute(RUN, "00f067aa0ba902b7"));
  expect(address(runRoute(RUN, "00f067aa0ba902b7"))).toBe(`/runs/${RUN}?span=00f067aa0ba902b7`);
  expect(parse("/runs/4BF92F35-77b3-4da6-a3ce-929d0e0e4736/", "").runId).toBe(RUN);
});

it("takes what is none for the start page", () => {
  for (const path of ["/", "/runs/", "/runs/a/b", "/nothing"])
    expect(parse(path, "?span=<script>")).toMatchObject({ runId: null, spanId: null, section: "runs" });
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

it("keeps what is searched for in the address of a run", () => {
  const route = runRoute(RUN, null, "timeline", "is:error a&b");
  expect(address(route)).toBe(`/runs/${RUN}?q=is%3Aerror+a%26b`);
  expect(parse(`/runs/${RUN}`, "?q=is%3Aerror+a%26b")).toEqual(route);
});

it("keeps what the list is narrowed to, with a run and without one", () => {
  const list = "q=a%26b&status=failed";
  const route = { ...runRoute(RUN, null, "flame", "x"), list };
  expect(address(route)).toBe(`/runs/${RUN}?view=flame&q=x&list=q%3Da%2526b%26status%3Dfailed`);
  expect(parse(`/runs/${RUN}`, address(route).slice(`/runs/${RUN}`.length))).toEqual(route);
  expect(parse("/", `?${list}`)).toEqual({ ...runRoute(null), list });
  expect(address({ ...runRoute(null), list })).toBe(`/?${list}`);
});

it("keeps the view of a run in its address", () => {
  const route = runRoute(RUN, "00f067aa0ba902b7", "flame");
  expect(address(route)).toBe(`/runs/${RUN}?view=flame&span=00f067aa0ba902b7`);
  expect(parse(`/runs/${RUN}`, "?view=flame&span=00f067aa0ba902b7")).toEqual(route);
  expect(parse(`/runs/${RUN}`, "?view=nothing").view).toBe("timeline");
});

it("knows the pages beside the runs, and no others", () => {
  for (const section of SECTIONS) {
    if (section === "runs") continue;
    const route = sectionRoute(section);
    expect(parse(`/${section}`, "")).toEqual(route);
    expect(parse(`/${section}/`, "")).toEqual(route);
    expect(address(route)).toBe(`/${section}`);
    const filtered = sectionRoute(section, [], "from=2026-11-01&sort=cost");
    expect(parse(`/${section}`, "?from=2026-11-01&sort=cost")).toEqual(filtered);
    expect(address(filtered)).toBe(`/${section}?from=2026-11-01&sort=cost`);
  }
  for (const path of ["/runs", "/queues", "/queue/1", "/Queue", "//queue", "/compare/a", "/sessions//"])
    expect(parse(path, "")).toEqual(runRoute(null));
});

it("reads what follows a section's name, whatever is in it", () => {
  const session = sectionRoute("sessions", ["a/b c?%"]);
  expect(address(session)).toBe("/sessions/a%2Fb%20c%3F%25");
  expect(parse("/sessions/a%2Fb%20c%3F%25", "")).toEqual(session);
  expect(parse(`/compare/${RUN}/x`, "")).toEqual(sectionRoute("compare", [RUN, "x"]));
});
