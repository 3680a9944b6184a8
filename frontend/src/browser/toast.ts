/** A short message about what was just done: shown for some seconds, and read out by screen readers. */
import { byId } from "./dom";

const SHOWN_MS = 4_000;

let timer: ReturnType<typeof setTimeout> | undefined;

export function say(text: string): void {
  const element = byId("toast");
  element.textContent = text;
  clearTimeout(timer);
  timer = setTimeout(() => element.replaceChildren(), SHOWN_MS);
}
