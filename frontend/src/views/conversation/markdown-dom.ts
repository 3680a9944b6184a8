/** Markdown as elements: each token becomes one, text goes in as text, and what is HTML stays visible as such. */
import { Lexer, type MarkedToken, type Token, type Tokens } from "marked";
import { h } from "../../browser/dom";
import { visible } from "../../text/visible";
import { copyButton } from "../details/span-sections";
import { outLink } from "./links";

const OPTIONS = { gfm: true, breaks: true };

export function laidOut(text: string): DocumentFragment {
  return within(new Lexer(OPTIONS).lex(text));
}

function within(tokens: readonly Token[] | undefined): DocumentFragment {
  const made = document.createDocumentFragment();
  for (const token of tokens ?? []) made.append(element(token as MarkedToken));
  return made;
}

function element(token: MarkedToken): Node | string {
  switch (token.type) {
    case "heading":
      return h(
        "p",
        { class: "prose-heading", role: "heading", "aria-level": Math.min(token.depth + 3, 6) },
        within(token.tokens),
      );
    case "paragraph":
      return h("p", {}, within(token.tokens));
    case "blockquote":
      return h("blockquote", {}, within(token.tokens));
    case "list":
      return list(token);
    case "list_item":
      return h("li", {}, within(token.tokens));
    case "checkbox":
      return token.checked ? "☑ " : "☐ ";
    case "code":
      return codeBlock(token.text, token.lang ?? "");
    case "table":
      return table(token);
    case "hr":
      return h("hr");
    case "br":
      return h("br");
    case "strong":
      return h("strong", {}, within(token.tokens));
    case "em":
      return h("em", {}, within(token.tokens));
    case "del":
      return h("del", {}, within(token.tokens));
    case "codespan":
      return h("code", {}, visible(token.text));
    case "link":
      return outLink(token.href, within(token.tokens), token.text);
    case "image":
      return outLink(token.href, `image: ${token.text || "without a name"}`, "");
    case "text":
      return token.tokens ? within(token.tokens) : visible(token.text);
    case "escape":
      return visible(token.text);
    case "space":
    case "def":
      return "";
    default:
      return visible(token.raw); // HTML among it
  }
}

function list(token: Tokens.List): HTMLElement {
  const items = token.items.map((item) => h("li", {}, within(item.tokens)));
  if (!token.ordered) return h("ul", {}, ...items);
  return h("ol", { start: typeof token.start === "number" ? token.start : null }, ...items);
}

function table(token: Tokens.Table): HTMLElement {
  const cell = (tag: "th" | "td") => (one: Tokens.TableCell) =>
    h(tag, { scope: tag === "th" ? "col" : null, "data-align": one.align }, within(one.tokens));
  return h(
    "div",
    { class: "prose-table", tabindex: 0, role: "group", "aria-label": "Table" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, ...token.header.map(cell("th")))),
      h("tbody", {}, ...token.rows.map((row) => h("tr", {}, ...row.map(cell("td"))))),
    ),
  );
}

function codeBlock(text: string, language: string): HTMLElement {
  const name = language.split(/\s/)[0] || "code";
  return h(
    "figure",
    { class: "code-block" },
    h("figcaption", { class: "pre-head" }, h("span", {}, name), copyButton(text, "code")),
    h("pre", { tabindex: 0, "aria-label": name }, visible(text)),
  );
}
