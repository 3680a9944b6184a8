/** The page of the money: what is spent and reserved of which limit, and which backends are skipped. */
import "../../styles/pages/budgets.css";
import { byId, h, setAttr, setText } from "../../browser/dom";
import { Refresh } from "../../connection/refresh";
import type { Api } from "../../service/api";
import type { Spend } from "../../service/wire";
import type { Breaker, Budget, BudgetsAnswer } from "../../service/wire-work";
import { KeyedList } from "../keyed";
import { ProblemLine } from "../problem-line";
import { spendText } from "../run/head/spend";
import type { SectionView } from "../section";
import { BreakersPart } from "./breakers-part";
import { BudgetRow, type SetLimit } from "./budget-row";
import { defaultsText, inOrder, isListed } from "./budget-words";
import { NewLimit } from "./new-limit";

const ASK_MS = 2_000;

interface Figures {
  readonly budgets: BudgetsAnswer;
  readonly breakers: readonly Breaker[];
  readonly spend: Spend;
}

export class BudgetsPage implements SectionView {
  readonly title = "Budgets";
  private readonly refresh: Refresh<Figures>;
  private readonly spent = h("p", { class: "board-message" });
  private readonly problem = new ProblemLine();
  private readonly empty = h("p", { class: "board-empty" }, "Loading…");
  private readonly defaults = h("p", { class: "board-text" });
  private readonly table: HTMLElement;
  private readonly rows: KeyedList<Budget>;
  private readonly breakers: BreakersPart;
  private readonly newLimit: HTMLElement;
  /** There is something to see that may be old. */
  private answered = false;

  constructor(api: Api) {
    this.refresh = new Refresh(
      async (signal) => {
        const [budgets, { breakers }, spend] = await Promise.all([
          api.budgets(signal),
          api.breakers(signal),
          api.spendToday(),
        ]);
        return { budgets, breakers, spend };
      },
      ASK_MS,
      { taken: (figures) => this.draw(figures), failed: (reason) => this.setProblem(reason) },
    );
    const setLimit: SetLimit = async (scope, limitUsd) => {
      await api.setBudget(scope, limitUsd);
      this.refresh.now();
    };
    const body = h("tbody");
    this.rows = new KeyedList(
      body,
      (budget) => budget.scope,
      (budget) => new BudgetRow(budget, setLimit),
    );
    this.table = h(
      "table",
      { class: "board-table budgets", "aria-label": "Budgets", hidden: true },
      head(),
      body,
    );
    this.breakers = new BreakersPart(() => api.nowUs());
    this.newLimit = new NewLimit(setLimit).element;
    // Their place is below the table: until that is here they would jump.
    this.newLimit.hidden = true;
    this.breakers.element.hidden = true;
    byId("budgets-page").append(
      h("header", { class: "board-head" }, h("h1", {}, "Budgets"), this.spent),
      this.problem.element,
      h(
        "div",
        { class: "board-scroll" },
        h(
          "section",
          { class: "board-part", "aria-label": "Limits" },
          this.defaults,
          this.empty,
          this.table,
          this.newLimit,
        ),
        this.breakers.element,
      ),
    );
  }

  open(): void {
    this.refresh.start();
  }

  close(): void {
    this.refresh.stop();
  }

  wake(): void {
    this.refresh.now();
  }

  tick(): void {
    this.breakers.tick();
  }

  private draw({ budgets, breakers, spend }: Figures): void {
    this.answered = true;
    this.newLimit.hidden = false;
    this.breakers.element.hidden = false;
    this.setProblem("");
    const { value, demo, title } = spendText(spend);
    setText(
      this.spent,
      value && [`${value} spent today`, demo && `${demo} on demo data`].filter(Boolean).join(", "),
    );
    setAttr(this.spent, "title", title);
    const usual = defaultsText(budgets.defaults);
    setText(
      this.defaults,
      `Before an LLM call its worst case is reserved; where it does not fit, the call is not made. ${usual ? `Where nothing else is set: ${usual}.` : "Where nothing is set there is no limit."}`,
    );
    const listed = inOrder(budgets.budgets.filter(isListed));
    this.table.hidden = listed.length === 0;
    this.empty.hidden = listed.length > 0;
    setText(this.empty, "Nothing is spent or limited yet.");
    this.rows.draw(listed);
    this.breakers.draw(breakers);
  }

  private setProblem(reason: string): void {
    this.problem.show(reason, this.answered);
    if (reason && !this.answered) setText(this.empty, "");
  }
}

function head(): HTMLElement {
  const column = (text: string, className = "") => h("th", { scope: "col", class: className || null }, text);
  return h(
    "thead",
    {},
    h(
      "tr",
      {},
      column("scope"),
      h("td"),
      column("spent", "figure"),
      column("reserved", "figure"),
      column("limit", "figure"),
      h("td"),
      h("td"),
    ),
  );
}
