/** The form that gives a scope a limit that has none yet. */
import { h, setText } from "../../browser/dom";
import { reasonOf } from "../../connection/refresh";
import type { BudgetKind } from "../../service/wire-work";
import type { SetLimit } from "./budget-row";
import { KINDS, parseUsd } from "./budget-words";

/** What the name of a scope looks like. */
const EXAMPLES: Readonly<Record<BudgetKind, string>> = {
  day: "2026-11-30",
  operation: "job-search",
  session: "its id",
  run: "its id, 32 digits",
};

export class NewLimit {
  readonly element = h("form", { class: "new-limit", novalidate: true });
  private readonly setLimit: SetLimit;
  private readonly kind = h("select", { class: "input", id: "new-limit-kind", "aria-label": "Of what" });
  private readonly name = h("input", {
    class: "input",
    type: "text",
    autocomplete: "off",
    "aria-label": "Which one",
  });
  private readonly usd = h("input", {
    class: "input",
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    "aria-label": "Limit in USD",
  });
  private readonly error = h("p", { class: "field-error", role: "alert", hidden: true });

  constructor(setLimit: SetLimit) {
    this.setLimit = setLimit;
    for (const kind of KINDS) this.kind.append(h("option", { value: kind }, kind));
    const field = h("span", { class: "usd" }, h("span", { "aria-hidden": "true" }, "$"), this.usd);
    this.element.append(
      h("span", { class: "new-limit-label" }, "Limit for"),
      this.kind,
      this.name,
      field,
      h("button", { type: "submit", class: "button" }, "Set limit"),
      this.error,
    );
    this.kind.addEventListener("change", () => this.choose());
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
    this.choose();
  }

  private choose(): void {
    const kind = this.kind.value as BudgetKind;
    this.name.placeholder = EXAMPLES[kind];
    // Days are those of UTC, as the service counts them.
    this.name.value = kind === "day" ? new Date().toISOString().slice(0, 10) : "";
    this.fail("");
  }

  private async send(): Promise<void> {
    const name = this.name.value.trim();
    const usd = parseUsd(this.usd.value);
    if (name === "") {
      this.fail(`Which ${this.kind.value}?`);
      this.name.focus();
    } else if (usd === undefined) {
      this.fail("This is no amount in USD.");
      this.usd.focus();
    } else {
      try {
        await this.setLimit(`${this.kind.value}:${name}`, usd);
        this.usd.value = "";
        this.choose();
      } catch (error) {
        this.fail(`Not set. ${reasonOf(error)}.`);
      }
    }
  }

  private fail(text: string): void {
    setText(this.error, text);
    this.error.hidden = text === "";
  }
}
