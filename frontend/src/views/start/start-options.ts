/** How a run is to be started: now or by the queue, when at the earliest, and what it may spend. */
import { h } from "../../browser/dom";
import { type Control, control } from "./form-controls";
import type { Field, Values } from "./schema-form";

const PLAIN = { required: false, inPath: false, choices: [], placeholder: "", initial: undefined } as const;

const PRIORITY: Field = {
  ...PLAIN,
  name: "priority",
  title: "Priority",
  description: "",
  kind: "choice",
  choices: ["high", "normal", "low"],
  initial: "normal",
};
const DELAY: Field = {
  ...PLAIN,
  name: "delay_s",
  title: "Delay in seconds",
  description: "",
  kind: "number",
  placeholder: "0",
};
const BUDGET: Field = {
  ...PLAIN,
  name: "budget_usd",
  title: "Budget in USD",
  description: "",
  kind: "number",
  placeholder: "no limit",
};

/** The options as the query of the route that starts. What was left empty is left out. */
export function optionsQuery(isQueued: boolean, values: Values): string {
  const query = new URLSearchParams();
  const wanted = isQueued ? ["priority", "delay_s", "budget_usd"] : ["budget_usd"];
  if (isQueued) query.set("queue", "true");
  for (const name of wanted) {
    const text = String(values[name] ?? "");
    // The usual ones need not be said.
    if (text !== "" && text !== "normal" && !(name === "delay_s" && Number(text) === 0))
      query.set(name, text);
  }
  const written = query.toString();
  return written && `?${written}`;
}

export class StartOptions {
  readonly element: HTMLElement;
  private readonly now = h("input", {
    type: "radio",
    name: "when",
    value: "now",
    class: "sr-only",
    checked: true,
  });
  private readonly queue = h("input", { type: "radio", name: "when", value: "queue", class: "sr-only" });
  private readonly ofQueue: readonly Control[] = [PRIORITY, DELAY].map((field) => control(field, "option"));
  private readonly budget = control(BUDGET, "option");

  constructor(changed: () => void) {
    const when = h(
      "div",
      { class: "segments", role: "radiogroup", "aria-label": "When" },
      h("label", { class: "segment" }, this.now, h("span", {}, "Now")),
      h("label", { class: "segment" }, this.queue, h("span", {}, "Queue it")),
    );
    const controls = [this.budget, ...this.ofQueue].map((one) => one.element);
    this.element = h(
      "div",
      { class: "start-options" },
      when,
      h("div", { class: "option-fields" }, ...controls),
    );
    for (const radio of [this.now, this.queue])
      radio.addEventListener("change", () => {
        this.draw();
        changed();
      });
    this.draw();
  }

  get isQueued(): boolean {
    return this.queue.checked;
  }

  get controls(): readonly Control[] {
    return this.isQueued ? [this.budget, ...this.ofQueue] : [this.budget];
  }

  private draw(): void {
    for (const { element } of this.ofQueue) element.hidden = !this.isQueued;
  }
}
