/** One rule: on or off, its threshold, and how its notices are delivered. */
import { h, setAttr, setText } from "../../browser/dom";
import { reasonOf } from "../../connection/refresh";
import type { NoticeRule, RuleChange } from "../../service/wire-work";
import type { RowView } from "../windowed";
import * as words from "./notice-words";

export type ChangeRule = (id: string, change: RuleChange) => Promise<void>;

export class RuleRow implements RowView<NoticeRule> {
  readonly element: HTMLElement;
  private readonly changeRule: ChangeRule;
  private readonly nowUs: () => number;
  private readonly switch = h("input", { type: "checkbox", role: "switch", class: "switch" });
  private readonly delivery = h("p", { class: "rule-delivery" });
  private readonly problem = h("p", { class: "rule-problem" });
  private readonly form = h("form", { class: "rule-form", novalidate: true });
  private readonly save = h("button", { type: "submit", class: "button", hidden: true }, "Save");
  private readonly error = h("p", { class: "field-error", role: "alert", hidden: true });
  private readonly inputs = new Map<words.RuleField, HTMLInputElement>();
  private rule: NoticeRule;

  constructor(rule: NoticeRule, changeRule: ChangeRule, nowUs: () => number) {
    this.rule = rule;
    this.changeRule = changeRule;
    this.nowUs = nowUs;
    const id = `rule-${rule.id}`;
    this.switch.id = id;
    const title = h("label", { class: "rule-title", for: id }, words.ruleTitle(rule));
    const text = h("span", { class: "rule-text" }, words.ruleText(rule));
    this.form.append(...words.ruleFields(rule).map((field) => this.field(field)), this.save);
    this.element = h(
      "li",
      { class: "rule", "data-rule": rule.id },
      this.switch,
      h("div", { class: "rule-body" }, h("p", {}, title, " ", text), this.delivery, this.problem),
      this.form,
      this.error,
    );
    this.switch.addEventListener("change", () => void this.send({ enabled: this.switch.checked }));
    this.form.addEventListener("input", () => {
      this.save.hidden = !this.isChanged;
      this.fail("");
    });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
  }

  update(rule: NoticeRule): void {
    // What is being typed stays, whatever comes meanwhile.
    const isChanged = this.isChanged;
    this.rule = rule;
    this.switch.checked = rule.enabled;
    setAttr(this.element, "data-enabled", String(rule.enabled));
    setText(this.delivery, words.deliveryText(rule, this.nowUs()));
    this.delivery.hidden = this.delivery.textContent === "";
    const problem = words.deliveryProblem(rule);
    setText(this.problem, problem);
    this.problem.hidden = problem === "";
    if (isChanged) return;
    this.showValues();
  }

  private get isChanged(): boolean {
    return [...this.inputs].some(([field, input]) => input.value !== words.fieldText(field, this.rule));
  }

  private showValues(): void {
    for (const [field, input] of this.inputs) input.value = words.fieldText(field, this.rule);
  }

  private field(field: words.RuleField): HTMLElement {
    const { label, before, after } = field;
    const input = h("input", {
      class: "input",
      type: "text",
      inputmode: "decimal",
      autocomplete: "off",
      "aria-label": `${words.ruleTitle(this.rule)}: ${label}`,
    });
    input.value = words.fieldText(field, this.rule);
    this.inputs.set(field, input);
    return h("span", { class: "rule-field" }, h("span", {}, before), input, h("span", {}, after));
  }

  private submit(): void {
    const change: RuleChange = {};
    for (const [field, input] of this.inputs) {
      const value = words.fieldValue(field, input.value);
      if (value === undefined) {
        this.fail("This is no number.");
        input.focus();
        return;
      }
      change[field.name] = value;
    }
    void this.send(change);
  }

  private async send(change: RuleChange): Promise<void> {
    try {
      await this.changeRule(this.rule.id, change);
      if (change.enabled === undefined) {
        this.rule = { ...this.rule, ...change };
        this.showValues();
        this.save.hidden = true;
      }
      this.fail("");
    } catch (error) {
      this.switch.checked = this.rule.enabled;
      this.fail(`Not changed. ${reasonOf(error)}.`);
    }
  }

  private fail(text: string): void {
    setText(this.error, text);
    this.error.hidden = text === "";
  }
}
