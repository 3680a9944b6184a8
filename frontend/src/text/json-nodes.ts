/** JSON as nodes for a tree. Numbers keep the spelling they were sent with, which `JSON.parse` would lose. Pure. */
import { writeJson } from "../service/json";
import type { AttributeValue } from "../service/wire";
import { jsonOfPython } from "./python-literal";

export interface JsonLeaf {
  readonly kind: "string" | "number" | "word";
  /** Of a string what it says, without quotes; else the literal: 1.0, true, null. */
  readonly text: string;
}

export interface JsonBranch {
  readonly kind: "map" | "list";
  /** Keys of a list are its indices. */
  readonly entries: readonly JsonEntry[];
}

export type JsonNode = JsonLeaf | JsonBranch;
export type JsonEntry = readonly [key: string, node: JsonNode];

/** Longer texts are shown as texts: as a tree they would hold up the page. */
const LONGEST = 1_000_000;
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}:,]|[^\s"[\]{}:,]+/g;

/** The node of a text that is a map or list of JSON, or of Python; null where it is none, or too long. */
export function jsonNode(text: string): JsonBranch | null {
  if (text.length > LONGEST || !/^\s*[[{]/.test(text)) return null;
  try {
    JSON.parse(text);
  } catch {
    const json = jsonOfPython(text);
    return json === null ? null : build(json);
  }
  return build(text);
}

/** The node of a value that was JSON when it came. */
export function valueNode(value: AttributeValue): JsonNode {
  if (value === null || typeof value !== "object") return leaf(value);
  return build(writeJson(value)) ?? { kind: "word", text: "null" };
}

export function isBranch(node: JsonNode): node is JsonBranch {
  return node.kind === "map" || node.kind === "list";
}

/** Every node below, the given one included. */
export function nodeCount(node: JsonNode): number {
  let count = 0;
  const left: JsonNode[] = [node];
  for (let at = left.pop(); at; at = left.pop()) {
    count++;
    if (isBranch(at)) for (const [, inner] of at.entries) left.push(inner);
  }
  return count;
}

function leaf(value: Exclude<AttributeValue, object> | null): JsonLeaf {
  if (typeof value === "string") return { kind: "string", text: value };
  return { kind: typeof value === "boolean" || value === null ? "word" : "number", text: writeJson(value) };
}

function leafOf(token: string): JsonLeaf {
  if (token.startsWith('"')) return { kind: "string", text: JSON.parse(token) as string };
  return { kind: /^[-\d]/.test(token) || token === "NaN" ? "number" : "word", text: token };
}

interface Open {
  readonly kind: "map" | "list";
  readonly entries: JsonEntry[];
  key: string | null;
}

/** Without recursion: JSON may be nested deeper than the stack. The text is known to be JSON. */
function build(text: string): JsonBranch | null {
  const open: Open[] = [];
  const put = (node: JsonNode) => {
    const at = open.at(-1);
    at?.entries.push([at.key ?? String(at.entries.length), node]);
    if (at) at.key = null;
  };
  for (const [token] of text.matchAll(TOKEN)) {
    const at = open.at(-1);
    if (token === "{" || token === "[") {
      open.push({ kind: token === "{" ? "map" : "list", entries: [], key: null });
    } else if (token === "}" || token === "]") {
      const closed = open.pop();
      if (!closed) return null;
      const node: JsonBranch = { kind: closed.kind, entries: closed.entries };
      if (open.length === 0) return node;
      put(node);
    } else if (at?.kind === "map" && at.key === null && token.startsWith('"')) {
      at.key = JSON.parse(token) as string;
    } else if (token !== "," && token !== ":") put(leafOf(token));
  }
  return null;
}
