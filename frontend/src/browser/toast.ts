/** A short message about what was just done: shown for some seconds, and read out by screen readers. */
import { byId } from "./dom";

const SHOWN_MS = 4_000;

let timer: ReturnType<typeof setTimeout> | undefined;

/** `isSeen` false: who sees the page sees that already. */
export function say(text: string, isSeen = true): void {
  const element = byId("toast");
  element.toggleAttribute("data-unseen", !isSeen);
  element.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => element.replaceChildren(), SHOWN_MS);
}
