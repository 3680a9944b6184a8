/** One scope's budget: a bar, its figures, and its limit to be changed in place. */
import { h, setAttr, setFigure, setText } from "../../browser/dom";
import { reasonOf } from "../../connection/refresh";
import type { Budget } from "../../service/wire-work";
import { amount } from "../../text/format";
import type { RowView } from "../windowed";
import * as words from "./budget-words";

/** Sets a scope's limit in USD; null takes it away. */
export type SetLimit = (scope: string, limitUsd: number | null) => Promise<void>;

export class BudgetRow implements RowView<Budget> {
  readonly element: HTMLElement;
  private readonly setLimit: SetLimit;
  private readonly kind = h("span", { class: "budget-kind" });
  private readonly name = h("span", { class: "budget-name" });
  private readonly link = h("a", { class: "budget-name mono link", "data-nav": "", hidden: true });
  private readonly spentBar = h("i", { class: "budget-spent" });
  private readonly reservedBar = h("i", { class: "budget-reserved" });
  private readonly bar = h(
    "div",
    { class: "budget-bar", "aria-hidden": "true" },
    this.spentBar,
    this.reservedBar,
  );
  private readonly spent = h("td", { class: "figure" });
  private readonly reserved = h("td", { class: "figure" });
  private readonly limit = h("td", { class: "figure" });
  private readonly left = h("td", { class: "budget-left" });
  private readonly edit = h("button", { type: "button", class: "button-quiet" });
  private readonly form = h("form", { class: "budget-form", hidden: true, novalidate: true });
  private readonly input = h("input", {
    class: "input",
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
  });
  private readonly error = h("p", { class: "field-error", role: "alert" });
  private budget: Budget;

  constructor(budget: Budget, setLimit: SetLimit) {
    this.budget = budget;
    this.setLimit = setLimit;
    this.element = h(
      "tr",
      {},
      h("th", { scope: "row" }, this.kind, this.name, this.link),
      h("td", { class: "budget-bar-cell" }, this.bar),
      this.spent,
      this.reserved,
      this.limit,
      this.left,
      h("td", { class: "budget-action" }, this.edit, this.form),
    );
    this.makeForm();
  }

  update(budget: Budget): void {
    this.budget = budget;
    const scope = words.scopeOf(budget.scope);
    setAttr(this.element, "data-scope", budget.scope);
    setAttr(this.element, "title", words.budgetTitle(budget));
    setText(this.kind, scope.kind);
    this.name.hidden = scope.href !== null;
    this.link.hidden = scope.href === null;
    setText(scope.href ? this.link : this.name, scope.name);
    setAttr(this.link, "href", scope.href);
    this.drawBar(words.shares(budget));
    setText(this.spent, amount(budget.spent_nano));
    setFigure(this.reserved, budget.reserved_nano === 0 ? "–" : amount(budget.reserved_nano));
    setFigure(this.limit, words.limitText(budget));
    setText(this.left, words.leftText(budget));
    const [shown, said] =
      budget.limit_nano === null ? ["Set limit", "Set limit of"] : ["Change", "Change the limit of"];
    const what = `${scope.kind} ${scope.name}`.trim();
    setText(this.edit, shown);
    setAttr(this.edit, "aria-label", `${said} ${what}`);
    setAttr(this.input, "aria-label", `Limit of ${what} in USD`);
  }

  private drawBar(shares: words.Shares | null): void {
    setAttr(this.bar, "data-limit", shares ? "" : null);
    setAttr(this.element, "data-over", shares?.isOver ? "" : null);
    setAttr(this.element, "data-full", shares?.isFull ? "" : null);
    const width = (share: number) => `${(share * 100).toFixed(2)}%`;
    this.spentBar.style.width = width(shares?.spent ?? 0);
    this.reservedBar.style.width = width(shares?.reserved ?? 0);
  }

  private makeForm(): void {
    const none = h("button", { type: "button", class: "button-quiet" }, "No limit");
    const cancel = h("button", { type: "button", class: "button-quiet" }, "Cancel");
    const save = h("button", { type: "submit", class: "button" }, "Save");
    const field = h("span", { class: "usd" }, h("span", { "aria-hidden": "true" }, "$"), this.input);
    this.form.append(field, save, none, cancel, this.error);
    this.edit.addEventListener("click", () => this.open(true));
    cancel.addEventListener("click", () => this.open(false));
    none.addEventListener("click", () => void this.send(null));
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Escape") this.open(false);
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const usd = words.parseUsd(this.input.value);
      if (usd === undefined) this.fail("This is no amount in USD.");
      else void this.send(usd);
    });
  }

  private open(isOpen: boolean): void {
    this.form.hidden = !isOpen;
    this.edit.hidden = isOpen;
    this.fail("");
    if (!isOpen) {
      this.edit.focus();
      return;
    }
    const { limit_nano: limit } = this.budget;
    this.input.value = limit === null ? "" : String(limit / 1e9);
    this.input.focus();
    this.input.select();
  }

  private async send(limitUsd: number | null): Promise<void> {
    try {
      await this.setLimit(this.budget.scope, limitUsd);
      this.open(false);
    } catch (error) {
      this.fail(`Not set. ${reasonOf(error)}.`);
    }
  }

  private fail(text: string): void {
    setText(this.error, text);
    this.error.hidden = text === "";
  }
}
