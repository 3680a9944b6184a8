/** Above the list of runs, while it shows those alone of whose calls something is asked: what that is, and the way out. */
import { h, icon, setAttr, setText } from "../browser/dom";
import type { CallsFilter } from "../runs/calls-filter";
import { backendName } from "../text/format";
import { visible } from "../text/visible";

export class CallsChip {
  private readonly text = h("span");
  private readonly button: HTMLButtonElement;
  private readonly element: HTMLElement;

  /** `above` is what it stands below; `leave` is called when the list shall show the other runs too. */
  constructor(above: Element, leave: () => void) {
    this.button = h(
      "button",
      { class: "chip calls-chip", type: "button", onclick: leave },
      this.text,
      icon("close"),
    );
    this.element = h("div", { class: "sidebar-note", hidden: true }, this.button);
    above.after(this.element);
  }

  draw(filter: CallsFilter): void {
    const words = callsWords(filter);
    this.element.hidden = words === "";
    setText(this.text, words);
    setAttr(this.button, "title", `Only runs with ${words}. Show the others too`);
    setAttr(this.button, "aria-label", `Only runs with ${words}: show the others too`);
  }
}

/** "failed calls: claude_cli"; empty where nothing is asked of calls. */
export function callsWords({ backend, model, calls, demo }: CallsFilter): string {
  const named = [backend && backendName(backend), model && visible(model)].filter(Boolean).join(", ");
  const what = { failed: "failed calls", fell_back: "fallbacks", "": named ? "calls" : "" }[calls];
  const asked = named ? `${what}${calls === "fell_back" ? " from" : ":"} ${named}` : what;
  return [asked, { true: "demo data", false: "no demo data", "": "" }[demo]].filter(Boolean).join(", ");
}
