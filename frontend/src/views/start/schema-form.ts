/** JSON schema → form fields → request; problem details → field errors. Pure. */
import type { JsonSchema, OperationInfo, Problem } from "../../service/wire";

export type FieldKind =
  | "text"
  | "long-text"
  | "integer"
  | "number"
  | "boolean"
  | "maybe"
  | "choice"
  | "choices"
  | "strings"
  | "json";

export interface Field {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly kind: FieldKind;
  readonly required: boolean;
  readonly inPath: boolean;
  readonly choices: readonly string[];
  readonly placeholder: string;
  readonly initial: unknown;
  readonly min?: number;
  readonly max?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly itemMaxLength?: number;
}

export type Values = Readonly<Record<string, unknown>>;

export interface RequestParts {
  readonly url: string;
  readonly body: Record<string, unknown>;
}

/** From this length on a string gets more than one line. */
const LONG_TEXT = 400;
const MAYBE = "maybe";

export function fields(schema: JsonSchema): Field[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).map(([name, property]) =>
    field(name, resolve(property, schema), required.has(name), schema),
  );
}

function field(name: string, schema: JsonSchema, required: boolean, root: JsonSchema): Field {
  const items = schema.items ? resolve(schema.items, root) : undefined;
  const kind = kindOf(schema, items);
  const example = schema.examples?.[0];
  const low = schema.minimum ?? exclusive(schema.exclusiveMinimum, kind, 1);
  const high = schema.maximum ?? exclusive(schema.exclusiveMaximum, kind, -1);
  return {
    name,
    title: schema.title ?? words(name),
    description: schema.description ?? "",
    kind,
    required,
    inPath: schema["x-in"] === "path",
    choices: (kind === "choices" ? items?.enum : (schema.enum ?? []))?.map(String) ?? [],
    placeholder: example === undefined ? "" : Array.isArray(example) ? example.join(", ") : String(example),
    initial: schema.default ?? undefined,
    ...(low !== undefined && { min: low }),
    ...(high !== undefined && { max: high }),
    ...(schema.maxLength !== undefined && { maxLength: schema.maxLength }),
    ...(schema.maxItems !== undefined && { maxItems: schema.maxItems }),
    ...(items?.maxLength !== undefined && { itemMaxLength: items.maxLength }),
  };
}

function exclusive(limit: number | undefined, kind: FieldKind, inward: number): number | undefined {
  if (limit === undefined) return undefined;
  return kind === "integer" ? limit + inward : limit;
}

/** Follows $ref and takes the one real branch of an optional (`anyOf` with null). */
function resolve(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const { $ref, anyOf, allOf, ...own } = schema;
  if ($ref) {
    const target = root.$defs?.[$ref.replace("#/$defs/", "")];
    return target ? { ...resolve(target, root), ...own } : own;
  }
  if (allOf?.[0]) return { ...resolve(allOf[0], root), ...own };
  const real = anyOf?.filter((branch) => branch.type !== "null");
  if (real?.length === 1 && real[0]) {
    const branch = resolve(real[0], root);
    // Yes, no, or neither: a check box cannot show the third.
    const type = branch.type === "boolean" && real.length < (anyOf?.length ?? 0) ? MAYBE : branch.type;
    return { ...branch, ...own, ...(type !== undefined && { type }) };
  }
  return own;
}

function kindOf(schema: JsonSchema, items: JsonSchema | undefined): FieldKind {
  if (schema.enum) return "choice";
  switch (schema.type) {
    case "string":
      return (schema.maxLength ?? 0) > LONG_TEXT ? "long-text" : "text";
    case "integer":
      return "integer";
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case MAYBE:
      return "maybe";
    case "array":
      if (items?.enum) return "choices";
      return items?.type === "string" ? "strings" : "json";
    default:
      return "json";
  }
}

const ACRONYMS = /\b(?:api|cv|id|llm|url|usd)\b/g;

/** "job_titles" → "Job titles" */
export function words(name: string): string {
  const text = name.replace(/[_-]+/g, " ").trim();
  const known = text.replace(ACRONYMS, (word) => word.toUpperCase());
  return known.charAt(0).toUpperCase() + known.slice(1);
}

/** Text typed or pasted into a list: commas and new lines part the entries; repeats go. */
export function splitEntries(text: string): string[] {
  return unique(text.split(/[,\n]/).map((entry) => entry.trim()));
}

export function unique(entries: readonly string[]): string[] {
  return [...new Set(entries.filter(Boolean))];
}

/** What the page can check before it sends: required fields left empty, texts that are no numbers or no JSON. */
export function check(list: readonly Field[], values: Values): Map<string, string> {
  const errors = new Map<string, string>();
  for (const item of list) {
    const value = values[item.name];
    const empty = isEmpty(value);
    if (empty && (item.required || item.inPath)) errors.set(item.name, "Needed to start.");
    else if (!empty && toJson(item, value) === undefined) {
      errors.set(item.name, item.kind === "json" ? "This is not JSON." : "This is not a number.");
    }
  }
  return errors;
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined || value === null || value === "" || (Array.isArray(value) && value.length === 0)
  );
}

/** The request; fields left empty are left out, so that the service's defaults hold. */
export function request(operation: OperationInfo, list: readonly Field[], values: Values): RequestParts {
  let url = operation.path;
  const body: Record<string, unknown> = {};
  for (const item of list) {
    const value = values[item.name];
    if (item.inPath) url = url.replace(`{${item.name}}`, encodeURIComponent(String(value ?? "")));
    else if (!isEmpty(value)) body[item.name] = toJson(item, value);
  }
  return { url, body };
}

function toJson(item: Field, value: unknown): unknown {
  if (item.kind === "integer" || item.kind === "number") {
    const number = Number(value);
    return Number.isFinite(number) ? number : undefined;
  }
  if (item.kind === "maybe") return value === "true";
  if (item.kind === "json" && typeof value === "string") {
    try {
      return JSON.parse(value);
    } catch {
      return undefined;
    }
  }
  return value;
}

export interface FormErrors {
  readonly byField: ReadonlyMap<string, string>;
  readonly byOption: ReadonlyMap<string, string>;
  /** What belongs to no field. */
  readonly general: string;
}

/** Sorts the errors of a problem details answer to their fields, and to the options of the start. */
export function fieldErrors(
  problem: Problem,
  list: readonly Field[],
  options: readonly Field[] = [],
): FormErrors {
  const known = new Set(list.map((item) => item.name));
  const byField = new Map<string, string>();
  const byOption = new Map<string, string>();
  const rest: string[] = [];
  for (const { loc = [], msg = "" } of problem.errors ?? []) {
    // Options go in the query, and may have the name of a field.
    const option = loc[0] === "query" && options.find((item) => item.name === loc[1]);
    if (option) {
      byOption.set(option.name, msg);
      continue;
    }
    const at = loc.findIndex((part) => known.has(String(part)));
    if (at < 0) {
      rest.push([loc.filter((part) => part !== "body").join(" › "), msg].filter(Boolean).join(": "));
      continue;
    }
    const name = String(loc[at]);
    const index = loc.slice(at + 1).find((part) => typeof part === "number");
    const text = index === undefined ? msg : `Entry ${Number(index) + 1}: ${msg}`;
    byField.set(name, [byField.get(name), text].filter(Boolean).join(" · "));
  }
  if (rest.length === 0 && byField.size === 0 && byOption.size === 0)
    rest.push(problem.detail ?? problem.title ?? "The service refused.");
  return { byField, byOption, general: rest.join(" · ") };
}
