/** A result in parts that can be read: its texts first, then its lists of named things, then what is left. Pure. */
import { writeJson } from "../../service/json";
import type { Attributes, AttributeValue } from "../../service/wire";
import * as format from "../../text/format";
import { words } from "../start/schema-form";

export interface ListItem {
  text: string;
  /** Of a job; empty where there is none. */
  score: string;
  reason: string;
}

export type ResultPart =
  | { kind: "text"; title: string; text: string }
  | { kind: "list"; title: string; items: ListItem[] }
  | { kind: "values"; title: string; values: [name: string, value: string][] }
  | { kind: "json"; title: string; text: string };

/** Longer than this a text is read as a text, also where it is a single line. */
const LINE = 160;

export function resultParts(result: Attributes): ResultPart[] {
  const parts: Record<ResultPart["kind"], ResultPart[]> = { text: [], list: [], values: [], json: [] };
  const values: [string, string][] = [];
  for (const [key, value] of Object.entries(result)) {
    const title = words(key);
    const line = shortLine(value);
    if (line !== null) values.push([title, line]);
    else {
      const part = partOf(title, value);
      parts[part.kind].push(part);
    }
  }
  if (values.length > 0) parts.values.unshift({ kind: "values", title: "", values });
  return [...parts.text, ...parts.list, ...parts.values, ...parts.json];
}

function partOf(title: string, value: AttributeValue): ResultPart {
  if (typeof value === "string") return { kind: "text", title, text: value };
  if (Array.isArray(value)) {
    const items = value.map(itemOf).filter((item) => item !== null);
    if (items.length === value.length) return { kind: "list", title, items };
  } else if (isMap(value)) {
    const values = Object.entries(value).flatMap(([key, inner]): [string, string][] => {
      const line = shortLine(inner);
      return line === null ? [] : [[words(key), line]];
    });
    if (values.length === Object.keys(value).length) return { kind: "values", title, values };
  }
  return { kind: "json", title, text: writeJson(value, 2) };
}

function itemOf(value: AttributeValue): ListItem | null {
  const text = lineOf(value);
  if (text === null || text.includes("\n")) return null;
  if (!isMap(value) || nameOf(value) === null) return { text, score: "", reason: "" };
  const { score, reason } = value;
  return {
    text,
    score: typeof score === "number" ? String(score) : "",
    reason: typeof reason === "string" ? reason : "",
  };
}

/** What can stand beside its name. */
function shortLine(value: AttributeValue): string | null {
  // Also a single thing of a list is one of a list.
  if (Array.isArray(value) && value.some((each) => !isPlain(each))) return null;
  const line = lineOf(value);
  return line === null || line.length > LINE || line.includes("\n") ? null : line;
}

/** One line that says it all; null where there is too much in it. */
function lineOf(value: AttributeValue): string | null {
  if (value === null) return "unknown";
  if (typeof value === "string") return value || "empty";
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) {
    if (value.length === 0) return "none";
    return value.every(isPlain) ? value.map(lineOf).join(", ") : null;
  }
  const name = nameOf(value);
  if (name !== null) return name;
  if ("nano" in value && "usd" in value) return costLine(value);
  const entries = Object.entries(value).filter(([, inner]) => inner !== null);
  if (entries.length === 0) return "none";
  if (entries.some(([, inner]) => isMap(inner))) return null;
  const lines = entries.map(([key, inner]) => [words(key).toLowerCase(), lineOf(inner)] as const);
  return lines.some(([, line]) => line === null) ? null : lines.map((pair) => pair.join(" ")).join(" · ");
}

/** "Nurse · Acme · Berlin"; null where nothing in it is a name. */
function nameOf(value: Attributes): string | null {
  const name = value.title ?? value.name ?? value.text;
  if (typeof name !== "string" || name === "") return null;
  const beside = [value.company, value.location, value.kind];
  return [name, ...beside].filter((part) => typeof part === "string" && part).join(" · ");
}

/** Null is a cost that is not known, which is not zero. */
function costLine({ nano, answers }: Attributes): string {
  const cost = typeof nano === "number" ? format.money(nano) : "unknown";
  return typeof answers === "number" ? `${cost} for ${format.plural(answers, "answer")}` : cost;
}

function isPlain(value: AttributeValue): boolean {
  return value === null || typeof value !== "object";
}

function isMap(value: AttributeValue): value is Attributes {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}
