/** The buttons at the right of the strip that change how the time of a run is shown. */
import { h, icon, setAttr, setText } from "../../browser/dom";
import { count } from "../../text/format";

/** A button of the strip. */
export interface Tool {
  readonly element: HTMLButtonElement;
  /** `pressed` null: it is no switch. */
  show(state: { hidden?: boolean; pressed?: boolean | null; text?: string; title?: string }): void;
}

/** `text` empty: the icon says it, and the name is for those who hear it. */
export function tool(options: {
  icon: string;
  name: string;
  text?: string;
  keys?: string;
  run: () => void;
}): Tool {
  const label = h("span", {}, options.text ?? "");
  const title = options.keys ? `${options.name} (${options.keys})` : options.name;
  const element = h(
    "button",
    {
      type: "button",
      class: "tool",
      title,
      "aria-label": options.text === undefined ? options.name : null,
      "aria-keyshortcuts": options.keys ?? null,
      onclick: options.run,
    },
    icon(options.icon),
    options.text === undefined ? null : label,
  );
  return {
    element,
    show({ hidden = false, pressed = null, text, title: shown }) {
      element.hidden = hidden;
      setAttr(element, "aria-pressed", pressed === null ? null : String(pressed));
      if (text !== undefined) setText(label, text);
      if (shown !== undefined) setAttr(element, "title", shown);
    },
  };
}

/** "2 spans lie far outside": what the axis leaves out, and the way to see it. */
export function outsideText(outside: number, fitsAll: boolean): string {
  if (fitsAll) return "Fit the run";
  return `${count(outside)} ${outside === 1 ? "span lies" : "spans lie"} outside · Fit all`;
}
