/** Type, space and colours: what everything else is made of. */
import { h } from "../browser/dom";
import type { Sample } from "./sample";

const SIZES = ["xl", "lg", "base", "sm", "xs"];
const GROUNDS = ["page", "surface", "sunken", "raised", "hover", "chosen"];
const LINES = ["line", "line-strong", "field", "grid"];
const INKS = ["ink", "muted", "faint"];
const MEANINGS = ["live", "good", "warn", "bad", "gone"];

function swatch(token: string): HTMLElement {
  return h("div", { class: "components-swatch", "data-token": token }, h("i"), token);
}

export const foundations: readonly Sample[] = [
  [
    "Type",
    () => [
      ...SIZES.map((size) =>
        h("p", { class: "components-type", "data-size": size }, `text-${size}: 0123456789 runs`),
      ),
      h("p", { class: "mono" }, "mono: 4bf92f3577b34da6 {}[]<>"),
      h("p", {}, "Beyond Latin: 日本語 한국어 中文 Ελληνικά Русский 🙂"),
    ],
  ],
  [
    "Ink",
    () => INKS.map((ink) => h("p", { class: "components-ink", "data-token": ink }, `${ink}: a text to read`)),
  ],
  ["Grounds and lines", () => [h("div", { class: "components-row" }, ...[...GROUNDS, ...LINES].map(swatch))]],
  [
    "Meanings: text, bar, ground",
    () => [
      h(
        "div",
        { class: "components-row" },
        ...MEANINGS.flatMap((name) => [swatch(name), swatch(`${name}-bar`), swatch(`${name}-soft`)]),
      ),
    ],
  ],
];
