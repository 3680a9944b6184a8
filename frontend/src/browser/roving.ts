/** Many things of a kind as one Tab stop: arrow keys, Home and End go from one to the other. */
import { setAttr } from "./dom";

export interface Roving {
  readonly container: HTMLElement;
  /** The things, within the container. */
  readonly items: string;
  /** Which one Tab leads to, where none was reached yet: fits one of the items. */
  readonly first?: string;
  readonly axis: "x" | "y";
  /** A key that is none of those: true where something was done. */
  readonly onKey?: (item: HTMLElement, key: string) => boolean;
  /** What an item and its companions stand in, where they are more than the item. */
  readonly entry?: string;
}

/** Which item a key leads to; undefined where it is none of these keys. Pure. */
export function stepTo(key: string, at: number, count: number, axis: "x" | "y"): number | undefined {
  const [back, on] = axis === "x" ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
  if (key === on) return Math.min(at + 1, count - 1);
  if (key === back) return Math.max(at - 1, 0);
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  return undefined;
}

export function rove({ container, items, first, axis, onKey, entry }: Roving): void {
  const all = () =>
    [...container.querySelectorAll<HTMLElement>(items)].filter((item) => item.checkVisibility());
  const itemOf = (target: EventTarget | null) => {
    const element = target instanceof Element ? target : null;
    return (
      element?.closest<HTMLElement>(items) ??
      (entry ? element?.closest(entry)?.querySelector<HTMLElement>(items) : null)
    );
  };
  const stop = (chosen: HTMLElement | undefined) => {
    for (const item of container.querySelectorAll(items))
      setAttr(item, "tabindex", item === chosen ? "0" : "-1");
  };
  const refresh = () => {
    if (container.contains(document.activeElement)) return;
    const there = all();
    const preferred = first ? there.find((item) => item.matches(first)) : undefined;
    stop(
      preferred ??
        there.find((item) => item.tabIndex === 0) ??
        there[0] ??
        container.querySelector<HTMLElement>(items) ??
        undefined,
    );
  };
  container.addEventListener("focusin", (event) => {
    const item = itemOf(event.target);
    if (item) stop(item);
  });
  container.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const item = itemOf(event.target);
    if (!item) return;
    const there = all();
    const to = stepTo(event.key, there.indexOf(item), there.length, axis);
    if (to !== undefined) there[to]?.focus();
    else if (!onKey?.(item, event.key)) return;
    event.preventDefault();
  });
  let isAsked = false;
  // With the next frame: what is in sight can only be said once the page is laid out, which is done then anyway.
  const ask = () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      refresh();
    });
  };
  // Items come and go, and the one that is shown changes. What is written in them does not matter here.
  new MutationObserver(ask).observe(container, { childList: true });
  new MutationObserver(ask).observe(container, { subtree: true, attributeFilter: ["aria-current"] });
  ask();
}
