/** The span as the service answered it, laid out for reading. */
import { h } from "../../../browser/dom";
import { indented } from "../../../service/json";
import { bytes } from "../../../text/format";
import type { SectionBuilder } from "../details-section";
import { longText } from "../long-text";
import { copyButton } from "../span-sections";

/** Longer ones are not laid out: it would take longer than a reader waits. */
const LAID_OUT = 300_000;

export const rawSection: SectionBuilder = ({ text }) =>
  text === "" ? null : { key: "raw", value: text, build: () => rawBlock(text) };

function rawBlock(text: string): HTMLElement {
  const summary = h(
    "summary",
    {},
    h("h3", {}, "Raw JSON"),
    h("span", { class: "json-size" }, bytes(text.length)),
  );
  const details = h("details", { class: "raw" }, summary);
  // Built when it is asked for: few do, and it may be large.
  details.addEventListener("toggle", () => {
    if (!details.open || details.childElementCount > 1) return;
    const laidOut = text.length <= LAID_OUT ? (indented(text) ?? text) : text;
    details.append(copyButton(text, "span as JSON", "Copy JSON"), longText(laidOut, null, true));
  });
  return h("section", { class: "details-section" }, details);
}
