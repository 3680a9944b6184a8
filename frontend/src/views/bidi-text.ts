/** Text in which characters that turn its direction are shown instead of obeyed: a file's name may end otherwise than it seems. */
import { h } from "../browser/dom";

export function bidiShown(text: string): (string | HTMLElement)[] {
  return text
    .split(/([\u202a-\u202e\u2066-\u2069])/)
    .map((part, at) =>
      at % 2 === 0
        ? part
        : h("span", { class: "turn" }, `U+${part.charCodeAt(0).toString(16).toUpperCase()}`),
    );
}
