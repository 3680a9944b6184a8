/** Which rows are open: a choice beside the number of spans. */
import { byId, h } from "../../browser/dom";
import { GOAL_WORDS, GOALS, type Goal } from "../../run/tree/open-to";

export class OpenMenu {
  private readonly select = h("select", { id: "open-to", "aria-label": "Rows that are open" });

  constructor(chosen: (goal: Goal) => void) {
    this.select.append(
      h("option", { value: "", hidden: true }, "As opened"),
      ...GOALS.map((goal) => h("option", { value: goal }, GOAL_WORDS[goal])),
    );
    this.select.addEventListener("change", () => {
      const goal = GOALS.find((one) => one === this.select.value);
      if (goal) chosen(goal);
    });
    byId("trace-open").append(this.select);
    this.show("all");
  }

  /** null: rows were opened and closed one by one. */
  show(goal: Goal | null): void {
    this.select.value = goal ?? "";
  }
}
