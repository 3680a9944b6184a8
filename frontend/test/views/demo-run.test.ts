import { expect, it } from "vitest";
import type { OperationInfo } from "../../src/service/wire";
import { exampleRun } from "../../src/views/start/demo-run";

function operation(path: string, required: string[], examples: Record<string, unknown>): OperationInfo {
  const properties = Object.fromEntries(
    Object.entries(examples).map(([name, one]) => [name, { examples: [one] }]),
  );
  return { name: path, title: path, path, input_schema: { required, properties } };
}

it("starts the first operation that can be started as it is", () => {
  const inPath = operation("/api/jobs/{job_id}/pipeline", ["cv"], { cv: "# Ada" });
  const without = operation("/api/jobs/ingest", ["keywords"], {});
  const search = operation("/api/jobs/search", ["job_titles"], { job_titles: ["nurse"], location: "Graz" });
  expect(exampleRun([inPath, without, search])).toEqual({
    url: "/api/jobs/search",
    body: { job_titles: ["nurse"] },
  });
  expect(exampleRun([inPath, without])).toBeNull();
});
