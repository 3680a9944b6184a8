/** Attribute values that JSON has no form for, as they were sent: bytes, NaN and infinities. Pure. */

import type { AttributeValue, ValueType } from "../service/wire";
import * as format from "./format";

const DOUBLES: Readonly<Record<string, number>> = {
  NaN: Number.NaN,
  Infinity: Number.POSITIVE_INFINITY,
  "-Infinity": Number.NEGATIVE_INFINITY,
};

/**
 * The value to show: a number that JSON cannot say as that number, bytes as the text that they are, else as their size
 * and base64. A value that is not of its declared type stays as it is.
 */
export function shown(value: AttributeValue, type: ValueType | undefined): AttributeValue {
  if (type === undefined) return value;
  if (typeof value === "string") {
    if (type === "double") return DOUBLES[value] ?? value;
    return type === "bytes" ? shownBytes(value) : value;
  }
  if (typeof type === "string" || value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item, at) => shown(item, inner(type, String(at))));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shown(item, inner(type, key))]));
}

/** "bytes", "double"; of a list or a map those that are in it. */
export function typeWords(type: ValueType | undefined): string | undefined {
  if (type === undefined) return undefined;
  const found = new Set<string>();
  const look = (one: ValueType): void => {
    if (typeof one === "string") found.add(one);
    else if (one !== null && typeof one === "object") Object.values(one).forEach(look);
  };
  look(type);
  const words = [...found].join(" and ");
  return typeof type === "string" ? `Sent as ${words}` : `Sent with ${words} in it`;
}

function inner(type: { [key: string]: ValueType }, key: string): ValueType | undefined {
  return Object.hasOwn(type, key) ? type[key] : undefined;
}

function shownBytes(base64: string): string {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
  } catch {
    return base64;
  }
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    if (!/\p{Cc}/u.test(text.replace(/\s/g, ""))) return text;
  } catch {
    // no text
  }
  return `${format.bytes(bytes.length)}: ${base64}`;
}
