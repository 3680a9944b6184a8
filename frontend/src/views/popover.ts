/** More about a figure: on hover, by keyboard and by touch. One at a time; Escape or a click elsewhere closes it. */
import { h, setAttr } from "../browser/dom";

const HOVER_MS = 350;
const GAP_PX = 6;

let made: HTMLElement | undefined;
let owner: HTMLElement | null = null;
let timer: number | undefined;

/** `content` is asked for when it is opened; null means that there is nothing more to say. */
export function givePopover(button: HTMLElement, content: () => HTMLElement | null): void {
  setAttr(button, "aria-describedby", box().id);
  button.addEventListener("click", () => (owner === button ? hide() : show(button, content)));
  button.addEventListener("pointerenter", (event) => {
    if (event.pointerType !== "mouse") return;
    clearTimeout(timer);
    timer = window.setTimeout(() => show(button, content), HOVER_MS);
  });
  button.addEventListener("pointerleave", (event) => {
    if (event.pointerType === "mouse") leave();
  });
  button.addEventListener("blur", () => {
    if (owner === button) hide();
  });
}

/** Made when the first figure is given one. */
function box(): HTMLElement {
  if (made) return made;
  const element = h("div", { class: "popover", popover: "auto", role: "tooltip", id: "popover" });
  element.addEventListener("pointerenter", () => clearTimeout(timer));
  element.addEventListener("pointerleave", leave);
  element.addEventListener("toggle", (event) => {
    if (event.newState === "closed") owner = null;
  });
  document.body.append(element);
  made = element;
  return element;
}

function leave(): void {
  clearTimeout(timer);
  timer = window.setTimeout(hide, HOVER_MS);
}

function show(button: HTMLElement, content: () => HTMLElement | null): void {
  clearTimeout(timer);
  const shown = content();
  if (!shown || !button.isConnected) return;
  const element = box();
  element.replaceChildren(shown);
  element.showPopover();
  owner = button;
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = element;
  const below = at.bottom + GAP_PX;
  const top = below + height > innerHeight ? Math.max(GAP_PX, at.top - GAP_PX - height) : below;
  element.style.left = `${Math.max(GAP_PX, Math.min(at.right - width, innerWidth - width - GAP_PX))}px`;
  element.style.top = `${top}px`;
}

function hide(): void {
  clearTimeout(timer);
  if (owner) made?.hidePopover();
}
