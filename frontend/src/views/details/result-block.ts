/** What came of the run, in the details of its root span. */
import { h } from "../../browser/dom";
import type { ResultState } from "../../run/run-result";
import { writeJson } from "../../service/json";
import { bidiShown } from "../bidi-text";
import { type ResultPart, resultParts } from "./result-parts";
import { copyButton, fieldList, section } from "./span-sections";

const TOO_LARGE = "It was larger than 64 KiB and was not kept.";

export function resultBlock(state: Exclude<ResultState, { phase: "none" }>, again: () => void): HTMLElement {
  const block = section("Result", ...content(state, again));
  block.classList.add("result");
  if (state.phase === "here" && state.result) {
    block.querySelector("h3")?.append(copyButton(writeJson(state.result, 2), "result as JSON", "Copy JSON"));
  }
  return block;
}

function content(state: Exclude<ResultState, { phase: "none" }>, again: () => void): HTMLElement[] {
  if (state.phase === "failed") {
    const retry = h("button", { class: "button-quiet", type: "button", onclick: again }, "Try again");
    return [
      h("p", { class: "details-note", role: "alert" }, `It could not be loaded. ${state.reason}.`),
      retry,
    ];
  }
  if (state.result === null) return [h("p", { class: "details-note" }, TOO_LARGE)];
  const parts = resultParts(state.result);
  return parts.length > 0 ? parts.map(partElement) : [h("p", { class: "details-note" }, "It is empty.")];
}

function partElement(part: ResultPart): HTMLElement {
  const { kind, title } = part;
  if (kind === "values") {
    const fields = fieldList(part.values.map(([name, value]) => [name, value, undefined, false]));
    return title ? h("div", {}, partHead(title), fields) : fields;
  }
  if (kind === "list") {
    const items = part.items.map(({ text, score, reason }) =>
      h(
        "li",
        { title: reason || null },
        h("span", { class: "result-item" }, ...bidiShown(text)),
        score && h("span", { class: "result-score", title: "Score" }, score),
      ),
    );
    const list = h("ol", { class: "result-list", tabindex: 0, "aria-label": title }, ...items);
    return h("div", {}, partHead(`${title} ${items.length}`), list);
  }
  const name = kind === "text" ? "result-text" : "value-long";
  const text = h("pre", { class: name, tabindex: 0, "aria-label": title }, ...bidiShown(part.text));
  return h("div", {}, partHead(title, copyButton(part.text, title.toLowerCase())), text);
}

function partHead(title: string, copy?: HTMLElement): HTMLElement {
  return h("div", { class: "pre-head" }, h("span", {}, title), copy);
}
