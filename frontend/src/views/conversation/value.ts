/** Values of tools and of what has no form of a message: as a tree, and in one line. */
import { h } from "../../browser/dom";
import { writeJson } from "../../service/json";
import type { AttributeValue } from "../../service/wire";
import { isBranch, valueNode } from "../../text/json-nodes";
import { visible } from "../../text/visible";
import { bidiShown } from "../bidi-text";
import { jsonTree } from "../json-tree";

export function valueTree(value: AttributeValue): HTMLElement {
  const node = valueNode(value);
  if (!isBranch(node)) return h("p", { class: "json" }, ...bidiShown(node.text));
  if (node.entries.length === 0)
    return h("p", { class: "details-aside" }, node.kind === "map" ? "none" : "empty list");
  return jsonTree(node);
}

/** One line that says what is in it, for the head of what can be opened: `city: Bern, days: 3`. */
export function valueLine(value: AttributeValue, most = 120): string {
  const text =
    typeof value === "string"
      ? value
      : isTexts(value)
        ? value.join("; ")
        : isFlat(value)
          ? flatLine(value)
          : writeJson(value);
  const line = visible(
    text
      .slice(0, most * 2)
      .replace(/\s+/g, " ")
      .trim(),
  );
  return line.length > most ? `${line.slice(0, most)}…` : line;
}

function isTexts(value: AttributeValue): value is string[] {
  return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string");
}

function isFlat(value: AttributeValue): value is { [key: string]: AttributeValue } {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  return Object.values(value).every((each) => each === null || typeof each !== "object");
}

function flatLine(value: { [key: string]: AttributeValue }): string {
  return Object.entries(value)
    .map(([key, each]) => `${key}: ${typeof each === "string" ? each : writeJson(each)}`)
    .join(", ");
}
