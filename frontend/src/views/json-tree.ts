/** JSON as a tree that opens by mouse and keyboard. What is closed has no elements yet, so that a large value costs little. */
import { h } from "../browser/dom";
import { count, plural } from "../text/format";
import {
  isBranch,
  type JsonBranch,
  type JsonEntry,
  type JsonNode,
  jsonNode,
  nodeCount,
} from "../text/json-nodes";
import { bidiShown } from "./bidi-text";

/** Entries of one level that are shown at once. */
const PAGE = 100;
/** A tree that is not larger is open to its leaves. */
const SMALL = 24;
const PREVIEW = 80;

export function jsonTree(node: JsonBranch): HTMLElement {
  const element = h("div", { class: "json" });
  element.append(level(node, nodeCount(node) <= SMALL));
  return element;
}

function level(node: JsonBranch, deep: boolean): HTMLElement {
  const list = h("ul", { class: "json-level" });
  let shown = 0;
  const more = h("button", { class: "button-quiet json-more", type: "button" });
  const grow = () => {
    const next = node.entries.slice(shown, shown + PAGE);
    shown += next.length;
    more.remove();
    list.append(...next.map((entry) => item(entry, node, deep)));
    const left = node.entries.length - shown;
    if (left === 0) return;
    more.textContent = `Show ${count(Math.min(left, PAGE))} more of ${count(left)}`;
    list.append(h("li", {}, more));
  };
  more.addEventListener("click", () => {
    grow();
    more.focus();
  });
  grow();
  return list;
}

function item([key, node]: JsonEntry, parent: JsonBranch, deep: boolean): HTMLElement {
  const name = h("span", { class: "json-key", "data-index": parent.kind === "list" }, ...bidiShown(key));
  // Arguments of tools are JSON within a text.
  const inner = isBranch(node) ? node : node.kind === "string" ? jsonNode(node.text) : null;
  if (!inner) {
    name.append(": "); // a selection of lines reads like JSON
    return h("li", { class: "json-item" }, name, leaf(node));
  }
  if (inner.entries.length === 0) {
    const empty = h("span", { class: "json-word" }, inner.kind === "map" ? "{}" : "[]");
    return h("li", { class: "json-item" }, name, empty);
  }
  const summary = h(
    "summary",
    {},
    name,
    h("span", { class: "json-size" }, sizeOf(inner)),
    isBranch(node) ? null : h("span", { class: "json-size", title: "It was sent as a text" }, "text"),
    h("span", { class: "json-preview" }, ...bidiShown(preview(inner))),
  );
  const details = h("details", {}, summary);
  const fill = () => {
    if (details.open && details.childElementCount === 1) details.append(level(inner, deep));
  };
  details.addEventListener("toggle", fill);
  details.open = deep;
  fill();
  return h("li", { class: "json-item" }, details);
}

function leaf(node: JsonNode): HTMLElement {
  if (isBranch(node)) return h("span");
  const { kind, text } = node;
  const isLong = kind === "string" && (text.includes("\n") || text.length > 120);
  return h(
    "span",
    { class: `json-${kind}`, "data-long": isLong },
    ...bidiShown(text === "" ? "empty" : text),
  );
}

function sizeOf({ kind, entries }: JsonBranch): string {
  return kind === "map" ? plural(entries.length, "key") : plural(entries.length, "item");
}

/** What is inside, as far as a line holds it. */
function preview({ kind, entries }: JsonBranch): string {
  let text = "";
  for (const [key, node] of entries) {
    const value = isBranch(node) ? (node.kind === "map" ? "{…}" : "[…]") : node.text.slice(0, 40);
    text += `${text && ", "}${kind === "map" ? `${key}: ` : ""}${value}`;
    if (text.length > PREVIEW) break;
  }
  return text.replace(/\s+/g, " ").slice(0, PREVIEW);
}
