/** The page of the money that was spent: days as bars, and what they are parted into. */
import "../../styles/pages/spend.css";
import { byId, h, setAttr, setText } from "../../browser/dom";
import { address, type Route, sectionRoute } from "../../browser/router";
import { Refresh } from "../../connection/refresh";
import type { Api } from "../../service/api";
import { SPEND_BY, type SpendAnswer } from "../../service/wire-sessions";
import type { BudgetsAnswer } from "../../service/wire-work";
import { amount, moneyExact, plural } from "../../text/format";
import { ProblemLine } from "../problem-line";
import type { SectionView } from "../section";
import { SpendChart } from "./spend-chart";
import { DayTable, PartTable } from "./spend-tables";
import {
  barsOf,
  choiceIn,
  dayLimit,
  limitText,
  PERIODS,
  queryOf,
  rowsOf,
  type SpendChoice,
  shownChoice,
  summedRuns,
  unpricedText,
} from "./spend-words";

const ASK_MS = 3_000;
const BY_TEXT = { backend: "Backends", model: "Models", operation: "Operations" } as const;

interface Figures {
  readonly spend: SpendAnswer;
  readonly budgets: BudgetsAnswer;
}

export class SpendPage implements SectionView {
  readonly title = "Spend";
  private readonly refresh: Refresh<Figures>;
  private readonly problem = new ProblemLine();
  private readonly empty = h("p", { class: "board-empty" }, "Loading…");
  private readonly body = h("div", { hidden: true });
  private readonly total = h("span", { class: "spend-total" });
  private readonly totalText = h("span", { class: "spend-total-text" });
  private readonly limit = h("p", { class: "board-text spend-note" });
  private readonly unpriced = h("p", { class: "board-text spend-note" });
  private readonly periods: HTMLAnchorElement[];
  private readonly dimensions: HTMLAnchorElement[];
  private readonly kinds: HTMLAnchorElement[];
  private readonly kindTabs: HTMLElement;
  private readonly chart = new SpendChart();
  private readonly parts = new PartTable();
  private readonly days = new DayTable();
  private choice: SpendChoice = choiceIn("");
  private figures: Figures | null = null;

  constructor(api: Api) {
    this.refresh = new Refresh(
      async (signal) => {
        const { by, days } = this.choice;
        const [spend, budgets] = await Promise.all([api.spend(by, days, signal), api.budgets(signal)]);
        return { spend, budgets };
      },
      ASK_MS,
      { taken: (figures) => this.take(figures), failed: (reason) => this.setProblem(reason) },
    );
    this.periods = PERIODS.map((days) => tab(days === 365 ? "1 year" : `${days} days`));
    this.dimensions = SPEND_BY.map((by) => tab(BY_TEXT[by]));
    this.kinds = [tab("Spent"), tab("On demo data")];
    this.kindTabs = h("nav", { class: "tabs", "aria-label": "Whose money" }, ...this.kinds);
    this.build();
  }

  open(route: Route): void {
    this.choice = choiceIn(route.query);
    this.drawTabs(this.choice);
    this.refresh.start();
  }

  moved(route: Route): void {
    const before = this.choice;
    this.choice = choiceIn(route.query);
    this.drawTabs(this.figures ? shownChoice(this.choice, this.figures.spend) : this.choice);
    if (before.by !== this.choice.by || before.days !== this.choice.days) this.refresh.now();
    else if (this.figures) this.draw(this.figures);
  }

  close(): void {
    this.refresh.stop();
  }

  wake(): void {
    this.refresh.now();
  }

  tick(): void {}

  private build(): void {
    const periods = h("nav", { class: "tabs", "aria-label": "Period" }, ...this.periods);
    const by = h("nav", { class: "tabs", "aria-label": "Parted by" }, ...this.dimensions);
    this.body.append(
      h(
        "section",
        { class: "board-part", "aria-label": "Days" },
        h("div", { class: "spend-head" }, h("p", {}, this.total, this.totalText), this.kindTabs),
        this.chart.element,
        this.limit,
        this.unpriced,
      ),
      h("section", { class: "board-part", "aria-label": "Parts" }, by, this.parts.element),
      h("section", { class: "board-part", "aria-label": "Each day" }, this.days.element),
    );
    byId("spend-page").append(
      h("header", { class: "board-head" }, h("h1", {}, "Spend"), periods),
      this.problem.element,
      h("div", { class: "board-scroll" }, h("div", { class: "board-part" }, this.empty), this.body),
    );
  }

  private drawTabs(choice: SpendChoice): void {
    const lead = (link: HTMLAnchorElement, changed: Partial<SpendChoice>, isCurrent: boolean) => {
      const to = address(sectionRoute("spend", [], queryOf({ ...choice, ...changed })));
      setAttr(link, "href", to);
      setAttr(link, "aria-current", isCurrent ? "true" : null);
    };
    this.periods.forEach((link, at) => {
      const days = PERIODS[at] ?? 30;
      lead(link, { days }, days === choice.days);
    });
    this.dimensions.forEach((link, at) => {
      const by = SPEND_BY[at] ?? "backend";
      lead(link, { by, part: "" }, by === choice.by);
    });
    this.kinds.forEach((link, at) => {
      lead(link, { demo: at === 1, named: true, part: "" }, (at === 1) === choice.demo);
    });
  }

  private take(figures: Figures): void {
    this.setProblem("");
    // An answer to the question before is not what is asked now.
    if (figures.spend.by !== this.choice.by) return;
    this.figures = figures;
    this.draw(figures);
  }

  private draw({ spend, budgets }: Figures): void {
    const choice = shownChoice(this.choice, spend);
    this.drawTabs(choice);
    const sums = choice.demo ? spend.demo : spend;
    const nothing = spend.days.every((day) => day.runs === 0 && day.demo.runs === 0);
    this.empty.parentElement?.toggleAttribute("hidden", !nothing);
    setText(this.empty, nothing ? "No run has called a model in these days." : "");
    this.body.hidden = nothing;
    if (nothing) return;
    this.kindTabs.hidden = !choice.demo && spend.days.every((day) => day.demo.runs === 0);
    const runs = spend.days.reduce((all, day) => all + (choice.demo ? day.demo : day).runs, 0);
    const whose = choice.demo ? "on demo data, which is nobody's money" : `in ${plural(choice.days, "day")}`;
    setText(this.total, amount(sums.cost_nano));
    setAttr(this.total, "title", moneyExact(sums.cost_nano));
    setText(this.totalText, `${whose} · ${plural(runs, "run")}`);
    const bars = barsOf(spend, choice);
    const limit = dayLimit(budgets.budgets, budgets.defaults, spend.to, choice.demo);
    this.chart.draw(bars, limit?.limitNano, choice.part);
    setText(this.limit, limitText(limit, bars.at(-1)?.nano ?? 0));
    setText(this.unpriced, unpricedText(sums));
    this.limit.hidden = limit === undefined;
    this.unpriced.hidden = this.unpriced.textContent === "";
    this.parts.draw(rowsOf(sums), choice, summedRuns(choice, spend));
    this.days.draw(bars);
  }

  private setProblem(reason: string): void {
    this.problem.show(reason, this.figures !== null);
    if (reason && !this.figures) setText(this.empty, "");
  }
}

function tab(text: string): HTMLAnchorElement {
  return h("a", { class: "tab", "data-nav": "" }, text);
}
