/** A long text: its first lines, then all of it on demand. Of a very long one the first part; the rest is for the clipboard. */
import { copyText, h, icon } from "../../browser/dom";
import { bytes } from "../../text/format";
import { bidiShown } from "../bidi-text";

/** Shorter ones fit as they are. */
const FOLDED_LINES = 8;
const FOLDED_CHARACTERS = 600;
/** More would hold up the page for longer than a reader waits. */
const MOST_CHARACTERS = 100_000;

/** `open` shows all of it at once. */
export function longText(text: string, title: string | null = null, open = false): HTMLElement {
  const pre = h("pre", { class: "value-long", tabindex: 0, title });
  const lines = text.split("\n", FOLDED_LINES + 1);
  const isShort = lines.length <= FOLDED_LINES && text.length <= FOLDED_CHARACTERS;
  if (isShort) {
    pre.append(...bidiShown(text));
    return pre;
  }
  const size = bytes(new Blob([text]).size);
  const isHuge = text.length > MOST_CHARACTERS;
  const toggle = h("button", { class: "button-quiet", type: "button", "aria-expanded": "false" });
  const note = h("span", { class: "details-aside" });
  const draw = (isOpen: boolean) => {
    const beginning = lines.slice(0, FOLDED_LINES).join("\n").slice(0, FOLDED_CHARACTERS);
    pre.replaceChildren(...bidiShown(isOpen ? text.slice(0, MOST_CHARACTERS) : `${beginning}…`));
    pre.dataset.open = String(isOpen);
    toggle.setAttribute("aria-expanded", String(isOpen));
    toggle.textContent = isOpen ? "Show less" : `Show all ${size}`;
    if (isHuge && !isOpen) toggle.textContent = `Show the first ${bytes(MOST_CHARACTERS)} of ${size}`;
    note.textContent = isHuge && isOpen ? `The first ${bytes(MOST_CHARACTERS)} of ${size}` : "";
  };
  toggle.addEventListener("click", () => draw(toggle.getAttribute("aria-expanded") === "false"));
  draw(open);
  const foot = h("div", { class: "value-foot" }, toggle, note);
  if (isHuge) foot.append(copyWhole(text));
  return h("div", {}, pre, foot);
}

function copyWhole(text: string): HTMLElement {
  const word = h("span", {}, "Copy all");
  const button = h("button", { class: "button-quiet", type: "button" }, icon("copy"), word);
  button.addEventListener("click", async () => {
    word.textContent = (await copyText(text)) ? "Copied" : "Not allowed";
    setTimeout(() => {
      word.textContent = "Copy all";
    }, 1_500);
  });
  return button;
}
