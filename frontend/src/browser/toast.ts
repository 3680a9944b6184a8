/** A short message about what was just done: shown for some seconds, and read out by screen readers. */
import { h } from "./dom";

const SHOWN_MS = 4_000;

let element: HTMLElement | null = null;
let timer: ReturnType<typeof setTimeout> | undefined;

export function say(text: string): void {
  if (!element) {
    element = h("div", { id: "toast", class: "toast", role: "status" });
    document.body.append(element);
  }
  element.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => element?.replaceChildren(), SHOWN_MS);
}
