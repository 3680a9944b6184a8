/** What a span was given and what it gave, as texts that can be compared line by line. Pure. */
import { writeJson } from "../service/json";
import type { Attributes, AttributeValue } from "../service/wire";

/** The attributes with content, and what they are called. */
export const CONTENTS: readonly (readonly [key: string, title: string])[] = [
  ["gen_ai.system_instructions", "Instructions"],
  ["gen_ai.input.messages", "Prompt"],
  ["gen_ai.output.messages", "Answer"],
  ["gen_ai.tool.call.arguments", "Arguments"],
  ["gen_ai.tool.call.result", "Result"],
];

type Item = { readonly [key: string]: AttributeValue };

export function contentText(value: AttributeValue | undefined): string | undefined {
  if (value === undefined || value === null) return undefined;
  const read = typeof value === "string" ? parsed(value) : value;
  if (typeof read === "string") return read;
  if (Array.isArray(read) && read.length > 0 && read.every(isItem)) return read.map(itemText).join("\n\n");
  return JSON.stringify(read, bigintAsText, 2);
}

/** An attribute in one piece; equal texts are equal values. */
export function attributeText(value: AttributeValue): string {
  return typeof value === "string" ? value : writeJson(value);
}

/** The names of attributes that differ, without those that are shown as content. */
export function differingKeys(a: Attributes, b: Attributes): string[] {
  const contents = new Set(CONTENTS.map(([key]) => key));
  const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((key) => !contents.has(key));
  const text = (of: Attributes, key: string): string | undefined =>
    Object.hasOwn(of, key) ? attributeText(of[key] ?? null) : undefined;
  return keys.filter((key) => text(a, key) !== text(b, key)).sort();
}

function parsed(text: string): AttributeValue {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as AttributeValue;
  } catch {
    return text;
  }
}

function isItem(value: AttributeValue): value is Item {
  return value !== null && typeof value === "object" && !Array.isArray(value);
}

/** A message with its role, or a part of one. */
function itemText(item: Item): string {
  const { role, parts, content } = item;
  const inner = parts ?? content;
  if (role === undefined || inner === undefined) return partText(item);
  const body = Array.isArray(inner) ? inner.map(partText).join("\n") : partText(inner);
  return `${String(role)}:\n${body}`;
}

function partText(part: AttributeValue): string {
  if (typeof part === "string") return part;
  if (isItem(part)) {
    const { content, text, type } = part;
    if ((type === undefined || type === "text") && typeof (content ?? text) === "string")
      return String(content ?? text);
  }
  return JSON.stringify(part, bigintAsText, 2) ?? "";
}

function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
