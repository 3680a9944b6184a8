/** Attributes of a span, a link or a resource: found by a few letters, copied one by one, long and nested values folded. */
import { copyText, h, icon, setIcon } from "../../browser/dom";
import { writeJson } from "../../service/json";
import type { Attributes, AttributeValue, SpanState, ValueType } from "../../service/wire";
import { count } from "../../text/format";
import { isBranch, jsonNode, nodeCount, valueNode } from "../../text/json-nodes";
import { attributeNote } from "../../text/span-words";
import { shown, typeWords } from "../../text/values";
import { bidiShown } from "../bidi-text";
import { jsonTree } from "../json-tree";
import { longText } from "./long-text";

/** What is known of attributes beside their values. */
export type Beside = Pick<SpanState, "types" | "changed" | "derived" | "sent">;

/** Fewer are seen at a glance. */
const FILTER_FROM = 8;
/** Nested values up to this length are read as they are written. */
const LINE = 60;
const ANSWER_MS = 1_500;

export function attributeTable(attributes: Attributes, beside: Beside): HTMLElement {
  const { types = {} } = beside;
  const rows = Object.entries(attributes)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => {
      const [note, title] = attributeNote(key, beside) ?? [];
      const type = Object.hasOwn(types, key) ? types[key] : undefined;
      return h(
        "tr",
        { "data-key": key.toLowerCase() },
        h("th", { scope: "row", title, "data-note": note }, ...breakable(key)),
        h("td", {}, valueElement(value, type)),
        h(
          "td",
          { class: "attribute-copy" },
          copyOne(key, "key", "tag"),
          copyOne(textOf(value), `value of ${key}`, "copy"),
        ),
      );
    });
  const table = h("table", { class: "attributes" }, h("tbody", {}, ...rows));
  roving(table);
  return table;
}

/** Attributes under a heading, with a box to find some by name or value. */
export function attributeBlock(attributes: Attributes, beside: Beside): HTMLElement {
  const all = Object.keys(attributes).length;
  const table = attributeTable(attributes, beside);
  const heading = h("h3", {}, `Attributes ${count(all)}`);
  if (all < FILTER_FROM) return h("section", { class: "details-section" }, heading, table);
  const none = h("p", { class: "details-note", hidden: true }, "No attribute has that in its name or value.");
  const input = h("input", { type: "search", placeholder: "Find", autocomplete: "off", spellcheck: "false" });
  input.setAttribute("aria-label", "Find attributes");
  const box = h("label", { class: "filter" }, icon("search"), input);
  input.addEventListener("input", () => {
    const found = narrow(table, attributes, input.value);
    heading.textContent =
      found === all ? `Attributes ${count(all)}` : `Attributes ${count(found)} of ${count(all)}`;
    none.hidden = found > 0;
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || input.value === "") return;
    event.stopPropagation();
    input.value = "";
    input.dispatchEvent(new Event("input"));
  });
  const head = h("div", { class: "section-head" }, heading, box);
  return h("section", { class: "details-section" }, head, table, none);
}

/** Shows the rows that have every word in their key or value; answers how many. */
function narrow(table: HTMLElement, attributes: Attributes, text: string): number {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const keys = Object.keys(attributes).sort((a, b) => (a < b ? -1 : 1));
  let found = 0;
  table.querySelectorAll<HTMLElement>("tbody > tr").forEach((row, at) => {
    const key = keys[at] ?? "";
    const all = words.length === 0 ? "" : `${key} ${textOf(attributes[key] ?? "")}`.toLowerCase();
    row.hidden = !words.every((word) => all.includes(word));
    if (!row.hidden) found++;
  });
  return found;
}

function textOf(value: AttributeValue): string {
  return typeof value === "string" ? value : writeJson(value);
}

/** A key that is too long for its column is broken behind its dots and dashes. */
export function breakable(key: string): (string | HTMLElement)[] {
  return key.split(/(?<=[._])/).flatMap((part, at) => {
    const safe = bidiShown(part);
    return at === 0 ? safe : [h("wbr"), ...safe];
  });
}

/** `type` is given where JSON has no value for what was sent, such as NaN, which then comes as the text "NaN". */
function valueElement(sent: AttributeValue, type: ValueType | undefined): HTMLElement {
  const value = shown(sent, type);
  const title = typeWords(type) ?? null;
  const text = textOf(value);
  if (typeof value === "string" || text.length > LINE) {
    const node = typeof value === "string" ? jsonNode(value) : valueNode(value);
    if (node && isBranch(node) && nodeCount(node) > 1) {
      const tree = jsonTree(node);
      if (title) tree.title = title;
      return tree;
    }
  }
  if (text.length > 160 || text.includes("\n")) return longText(text, title);
  if (text === "") return h("span", { class: "value-none" }, "empty");
  const data = typeof type === "string" ? type : null;
  return h("span", { title, "data-type": data }, ...bidiShown(text));
}

function copyOne(text: string, what: string, picture: string): HTMLElement {
  const glyph = icon(picture);
  const button = h("button", { class: "button-icon small", type: "button", tabindex: -1 }, glyph);
  const name = what === "key" ? `Copy the key ${text}` : `Copy the ${what}`;
  button.setAttribute("aria-label", name);
  button.title = what === "key" ? "Copy the key" : "Copy the value";
  button.addEventListener("click", async () => {
    const done = await copyText(text);
    setIcon(glyph, done ? "ok" : "error");
    button.setAttribute("aria-label", done ? "Copied" : "Not allowed");
    setTimeout(() => {
      setIcon(glyph, picture);
      button.setAttribute("aria-label", name);
    }, ANSWER_MS);
  });
  return button;
}

/** One stop of the Tab key for all the buttons of a table; the arrow keys go from one to the next. */
function roving(table: HTMLElement): void {
  const buttons = () => [
    ...table.querySelectorAll<HTMLElement>("tr:not([hidden]) > .attribute-copy > button"),
  ];
  buttons()[0]?.setAttribute("tabindex", "0");
  table.addEventListener("keydown", (event) => {
    const step = { ArrowUp: -2, ArrowDown: 2, ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step === undefined || !(event.target instanceof Element)) return;
    if (!event.target.closest(".attribute-copy")) return;
    const all = buttons();
    const next = all[all.indexOf(event.target as HTMLElement) + step];
    if (!next) return;
    event.preventDefault();
    for (const each of table.querySelectorAll('[tabindex="0"].button-icon'))
      each.setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  });
}
