/** What a run and its session may spend, as bars above the run: spent, reserved by calls under way, left. */
import { byId, h, setAttr, setText } from "../../../browser/dom";
import type { Budget } from "../../../service/wire-work";
import * as format from "../../../text/format";
import { budgetTitle, leftText, scopeOf, shares } from "../../budgets/budget-words";
import { KeyedList } from "../../keyed";
import type { RowView } from "../../windowed";

export class BudgetMeter {
  private readonly element = byId("run-budget");
  private readonly list = new KeyedList<Budget>(
    this.element,
    (budget) => budget.scope,
    () => new Meter(),
  );

  /** Those with a limit; none hides the line. */
  show(budgets: readonly Budget[]): void {
    this.element.hidden = budgets.length === 0;
    this.list.draw(budgets);
  }
}

class Meter implements RowView<Budget> {
  readonly element = h("div", { class: "spend-meter", role: "meter", "aria-valuemin": 0 });
  private readonly name = h("span", { class: "spend-meter-name" });
  private readonly spent = h("span", { class: "budget-spent" });
  private readonly reserved = h("span", { class: "budget-reserved" });
  private readonly text = h("span", { class: "spend-meter-text" });
  private readonly left = h("span", { class: "spend-meter-left" });

  constructor() {
    const bar = h(
      "span",
      { class: "budget-bar", "data-limit": true, "aria-hidden": "true" },
      this.spent,
      this.reserved,
    );
    this.element.append(this.name, bar, this.text, this.left);
  }

  update(budget: Budget): void {
    const { element } = this;
    const { kind, name } = scopeOf(budget.scope);
    const label = kind === "run" ? "This run" : `Session ${name}`;
    const part = shares(budget);
    const limit = budget.limit_nano ?? 0;
    setText(this.name, label);
    this.spent.style.width = `${(part?.spent ?? 0) * 100}%`;
    this.reserved.style.width = `${(part?.reserved ?? 0) * 100}%`;
    setText(this.text, `${format.amount(budget.spent_nano)} of ${format.amount(limit)}`);
    const held = budget.reserved_nano > 0 ? `${format.amount(budget.reserved_nano)} reserved · ` : "";
    setText(this.left, `${held}${leftText(budget)}`);
    setAttr(element, "data-over", part?.isOver ? "" : null);
    setAttr(element, "data-full", part?.isFull ? "" : null);
    setAttr(element, "title", budgetTitle(budget));
    setAttr(element, "aria-label", `Budget: ${label}`);
    setAttr(element, "aria-valuenow", String(Math.min(budget.spent_nano, limit) / 1_000_000_000));
    setAttr(element, "aria-valuemax", String(limit / 1_000_000_000));
    setAttr(element, "aria-valuetext", budgetTitle(budget));
  }
}
