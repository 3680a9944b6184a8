import { describe, expect, it } from "vitest";
import type { JsonSchema, OperationInfo } from "../../src/service/wire";
import { check, fieldErrors, fields, request, splitEntries } from "../../src/views/start/schema-form";

const schema: JsonSchema = {
  type: "object",
  required: ["job_id", "job_titles"],
  $defs: { Source: { type: "string", enum: ["indeed", "bayt"] } },
  properties: {
    job_id: { type: "string", "x-in": "path" },
    job_titles: { type: "array", items: { type: "string", maxLength: 80 }, maxItems: 5, title: "Titles" },
    sources: { type: "array", items: { $ref: "#/$defs/Source" }, default: ["bayt"] },
    limit: {
      anyOf: [{ type: "integer", exclusiveMinimum: 0, maximum: 50 }, { type: "null" }],
      default: null,
    },
    source: { $ref: "#/$defs/Source", default: "bayt" },
    cache: { type: "boolean", default: true },
    text: { type: "string", maxLength: 20_000 },
    remote: { anyOf: [{ type: "boolean" }, { type: "null" }], default: null },
    ratio: { type: "number" },
    extra: { type: "object" },
  },
};
const list = fields(schema);
const operation: OperationInfo = {
  name: "x",
  title: "X",
  path: "/api/jobs/{job_id}/x",
  input_schema: schema,
};

function named(name: string) {
  const found = list.find((item) => item.name === name);
  if (!found) throw new Error(name);
  return found;
}

describe("fields", () => {
  it("have the kind that the schema says", () => {
    expect(list.map((item) => item.kind)).toEqual([
      "text",
      "strings",
      "choices",
      "integer",
      "choice",
      "boolean",
      "long-text",
      "maybe",
      "number",
      "json",
    ]);
  });

  it("carry titles, limits and defaults", () => {
    expect(named("job_titles")).toMatchObject({
      title: "Titles",
      required: true,
      maxItems: 5,
      itemMaxLength: 80,
    });
    expect(named("limit")).toMatchObject({ title: "Limit", min: 1, max: 50, required: false });
    expect(named("limit").initial).toBeUndefined();
    expect(named("sources")).toMatchObject({ choices: ["indeed", "bayt"], initial: ["bayt"] });
    expect(named("job_id").inPath).toBe(true);
  });
});

it("parts typed lists", () => {
  expect(splitEntries(" a, b\n a ,,")).toEqual(["a", "b"]);
});

it("sends path fields in the path, the rest in the body, and nothing for what is empty", () => {
  const values = {
    job_id: "a/b",
    job_titles: ["dev"],
    limit: "5",
    sources: [],
    cache: false,
    text: "",
    extra: '{"a":1}',
    remote: "false",
  };
  expect(request(operation, list, values)).toEqual({
    url: "/api/jobs/a%2Fb/x",
    body: { job_titles: ["dev"], limit: 5, cache: false, remote: false, extra: { a: 1 } },
  });
});

it("finds what is missing or is no number before it asks", () => {
  const errors = check(list, { job_id: "", job_titles: [], ratio: "x", extra: "{" });
  expect([...errors.keys()]).toEqual(["job_id", "job_titles", "ratio", "extra"]);
});

it("sorts problem details to their fields", () => {
  const sorted = fieldErrors(
    {
      status: 422,
      title: "The input is not valid",
      errors: [
        { loc: ["body", "limit"], msg: "too large" },
        { loc: ["body", "job_titles", 1], msg: "too short" },
        { loc: ["body", "unknown"], msg: "not allowed" },
      ],
    },
    list,
  );
  expect(Object.fromEntries(sorted.byField)).toEqual({
    limit: "too large",
    job_titles: "Entry 2: too short",
  });
  expect(sorted.general).toBe("unknown: not allowed");
  const answer = { status: 422, errors: [{ loc: ["query", "limit"], msg: "too large" }] };
  const option = list.filter(({ name }) => name === "limit");
  const ofOption = fieldErrors(answer, list, option);
  expect([...ofOption.byOption]).toEqual([["limit", "too large"]]);
  expect([ofOption.byField.size, ofOption.general]).toEqual([0, ""]);
  expect(fieldErrors({ status: 503, detail: "Redis is away" }, list).general).toBe("Redis is away");
});
