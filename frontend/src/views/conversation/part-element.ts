/** The parts of a message: text, reasoning, a tool's call with its result, media, data. */
import { h, icon } from "../../browser/dom";
import type {
  CallPart,
  DocumentPart,
  MediaPart,
  Part,
  ResultPart,
  VectorPart,
} from "../../run/conversation/model";
import { opened } from "../../run/conversation/parts";
import { writeJson } from "../../service/json";
import type { AttributeValue } from "../../service/wire";
import * as format from "../../text/format";
import { visible } from "../../text/visible";
import { copyButton } from "../details/span-sections";
import { outLink, safeAddress } from "./links";
import { markdown } from "./markdown";
import { valueLine, valueTree } from "./value";

/** Longer texts are cut, and open on request. */
const CUT_LETTERS = 2_400;
const CUT_LINES = 32;
/** Nobody reads more of one text on a page; the rest is in what is copied. */
const MOST_LETTERS = 1_000_000;

/** What else is known of a call: a transcript knows its span. */
export interface CallContext {
  result: ResultPart | undefined;
  /** "0.12 s", or nothing. */
  aside?: string;
  /** Leads to the span that ran the tool. */
  onOpen?: () => void;
  /** The call may still be running. */
  isOpen: boolean;
  /** The wrench of a tool, if nothing else is said. */
  picture?: string;
}

export function partElement(part: Exclude<Part, CallPart>): HTMLElement {
  switch (part.kind) {
    case "text":
      return textElement(part.text);
    case "reasoning":
      return h(
        "details",
        { class: "fold reasoning" },
        h(
          "summary",
          {},
          h("span", { class: "fold-name" }, "Reasoning"),
          h("span", { class: "fold-line" }, valueLine(part.text)),
        ),
        h("div", { class: "fold-body" }, textElement(part.text)),
      );
    case "result":
      return h("div", { class: "tool-result" }, valueElement("Result", part.value));
    case "media":
      return mediaElement(part);
    case "document":
      return documentElement(part);
    case "vectors":
      return h("p", { class: "details-aside" }, vectorWords(part));
    case "data":
      return valueTree(part.value);
  }
}

function documentElement({ title, text, score, details }: DocumentPart): HTMLElement {
  const head =
    title || score !== undefined
      ? h(
          "p",
          { class: "document-head" },
          h("span", { class: "document-title" }, visible(title)),
          score === undefined
            ? null
            : h("span", { class: "document-score" }, `score ${Number(score.toPrecision(3))}`),
        )
      : null;
  const beside = details === null ? null : valueTree(details);
  return h("div", { class: "document" }, head, text ? textElement(text) : null, beside);
}

/** "2 vectors of 64 numbers". */
function vectorWords({ count, length }: VectorPart): string {
  return `${format.plural(count, "vector")}${length === undefined ? "" : ` of ${format.plural(length, "number")}`}`;
}

function textElement(text: string): HTMLElement {
  const value = opened(text);
  if (typeof value !== "string") return valueTree(value);
  const lines = text.split("\n", CUT_LINES + 1).length;
  if (text.length <= CUT_LETTERS && lines <= CUT_LINES) return markdown(text);
  const block = h("div", { class: "cut" }, markdown(beginning(text)));
  const all = h(
    "button",
    { class: "button-quiet cut-more", type: "button", "aria-expanded": "false" },
    text.length > MOST_LETTERS
      ? `Show the first ${format.bytes(MOST_LETTERS)} of ${format.bytes(text.length)}`
      : `Show all ${format.bytes(text.length)}`,
  );
  all.addEventListener("click", () => {
    const rest =
      text.length > MOST_LETTERS
        ? `${text.slice(0, MOST_LETTERS)}\n… ${format.bytes(text.length)} in all: copy it to read on`
        : text;
    block.replaceChildren(markdown(rest));
    block.classList.remove("cut");
    all.remove();
    block.tabIndex = -1;
    block.focus();
  });
  return h("div", {}, block, all);
}

function beginning(text: string): string {
  return text.slice(0, CUT_LETTERS).split("\n").slice(0, CUT_LINES).join("\n");
}

/** A tool's call in one line, with what it gave back; both open. */
export function callElement(call: CallPart, context: CallContext): HTMLElement {
  const { result, aside, isOpen } = context;
  const state = result ? (result.failed ? "error" : "ok") : isOpen ? "running" : "none";
  const answer = result
    ? valueLine(result.value, 90) || "empty"
    : isOpen
      ? "is running"
      : "no result is known";
  const summary = h(
    "summary",
    {},
    icon(context.picture ?? "wrench", "glyph"),
    h("span", { class: "fold-name" }, visible(call.name)),
    h("span", { class: "fold-line" }, valueLine(call.arguments, 90)),
    aside ? h("span", { class: "fold-aside" }, aside) : null,
    h("span", { class: "tool-answer" }, result?.failed ? "failed: " : "→ ", answer),
  );
  const fold = h("details", { class: "fold tool-call", "data-state": state }, summary);
  fold.addEventListener(
    "toggle",
    () => {
      const { onOpen } = context;
      const open = onOpen && h("button", { class: "button-quiet", type: "button" }, "Show the span");
      if (onOpen) open?.addEventListener("click", onOpen);
      fold.append(
        h(
          "div",
          { class: "fold-body" },
          valueElement("Arguments", call.arguments),
          result ? valueElement(result.failed ? "Error" : "Result", result.value) : null,
          call.id ? h("p", { class: "details-aside mono" }, visible(call.id)) : null,
          open,
        ),
      );
    },
    { once: true },
  );
  return fold;
}

function valueElement(title: string, value: AttributeValue): HTMLElement {
  const text = typeof value === "string" ? value : writeJson(value, 2);
  const body = typeof value === "string" ? textElement(value) : valueTree(value);
  return h(
    "div",
    {},
    h("div", { class: "pre-head" }, h("span", {}, title), copyButton(text, title.toLowerCase())),
    body,
  );
}

/** Nothing is fetched from another host: what is not here is named, and may be opened. */
function mediaElement({ what, mime, address, bytes }: MediaPart): HTMLElement {
  const words = [mime || what, bytes === undefined ? "" : format.bytes(bytes)].filter(Boolean).join(", ");
  const place = !address
    ? h("span", { class: "media-note" }, "within the message")
    : safeAddress(address)
      ? outLink(address, visible(address), address)
      : h("span", { class: "mono" }, visible(address));
  return h("div", { class: "media" }, icon("image", "icon"), h("span", {}, words), place);
}
