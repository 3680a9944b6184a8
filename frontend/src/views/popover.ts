/** More about a figure: on hover, by keyboard and by touch. One at a time; Escape or a click elsewhere closes it. */
import { h, setAttr } from "../browser/dom";

const HOVER_MS = 350;
const GAP_PX = 6;

const box = h("div", { class: "popover", popover: "auto", role: "tooltip", id: "popover" });
let owner: HTMLElement | null = null;
let timer: number | undefined;

/** `content` is asked for when it is opened; null means that there is nothing more to say. */
export function givePopover(button: HTMLElement, content: () => HTMLElement | null): void {
  setAttr(button, "aria-describedby", box.id);
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

box.addEventListener("pointerenter", () => clearTimeout(timer));
box.addEventListener("pointerleave", leave);
box.addEventListener("toggle", (event) => {
  if (event.newState === "closed") owner = null;
});

function leave(): void {
  clearTimeout(timer);
  timer = window.setTimeout(hide, HOVER_MS);
}

function show(button: HTMLElement, content: () => HTMLElement | null): void {
  clearTimeout(timer);
  const made = content();
  if (!made || !button.isConnected) return;
  box.replaceChildren(made);
  if (!box.isConnected) document.body.append(box);
  box.showPopover();
  owner = button;
  const at = button.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = box;
  const below = at.bottom + GAP_PX;
  const top = below + height > innerHeight ? Math.max(GAP_PX, at.top - GAP_PX - height) : below;
  box.style.left = `${Math.max(GAP_PX, Math.min(at.right - width, innerWidth - width - GAP_PX))}px`;
  box.style.top = `${top}px`;
}

function hide(): void {
  clearTimeout(timer);
  if (owner) box.hidePopover();
}
