/** What was spent, in figures: by backend, model or operation, and by day. */
import { h, setAttr, setFigure, setText } from "../../browser/dom";
import { address, sectionRoute } from "../../browser/router";
import { amount, backendName, count, moneyExact, plural } from "../../text/format";
import { visible } from "../../text/visible";
import { BackendMark } from "../backend-mark";
import { KeyedList } from "../keyed";
import type { RowView } from "../windowed";
import { PartFigure } from "./part-figure";
import {
  costOf,
  type DayBar,
  type PartRow,
  queryOf,
  runsOf,
  type SpendChoice,
  type SummedRuns,
  tokensOf,
} from "./spend-words";

export class PartTable {
  readonly element: HTMLElement;
  private readonly empty = h("p", { class: "board-empty" }, "Nothing was spent.");
  private readonly table: HTMLElement;
  private readonly name = h("th", { scope: "col" });
  private readonly list: KeyedList<PartRow>;
  private choice: SpendChoice | null = null;
  private runs: SummedRuns = { first: "", demo: "" };

  constructor() {
    const body = h("tbody");
    const head = h(
      "tr",
      {},
      this.name,
      column("runs", "part-runs"),
      column("calls", "part-calls"),
      column("errors", "part-errors"),
      column("fallbacks", "part-fallbacks"),
      column("tokens in → out", "part-tokens"),
      column("cost", "part-cost"),
      h("td", { class: "part-share" }),
    );
    this.table = h("table", { class: "board-table spend-parts" }, h("thead", {}, head), body);
    this.list = new KeyedList(
      body,
      ({ name }) => `${this.choice?.by} ${name}`,
      () =>
        new PartRowView(
          () => this.choice,
          () => this.runs,
        ),
    );
    this.element = h("div", { class: "spend-scroll" }, this.empty, this.table);
  }

  /** `runs` are those that the sums are of. */
  draw(rows: readonly PartRow[], choice: SpendChoice, runs: SummedRuns): void {
    this.choice = choice;
    this.runs = runs;
    setAttr(this.table, "data-fallbacks", rows.some(({ part }) => part.fallbacks) ? "" : null);
    this.empty.hidden = rows.length > 0;
    this.table.hidden = rows.length === 0;
    setText(this.name, choice.by);
    setAttr(this.table, "aria-label", `Spend by ${choice.by}`);
    this.list.draw(rows);
  }
}

class PartRowView implements RowView<PartRow> {
  readonly element: HTMLElement;
  private readonly choiceNow: () => SpendChoice | null;
  private readonly runsNow: () => SummedRuns;
  private readonly mark = new BackendMark();
  private readonly text = h("span", { class: "part-name" });
  private readonly link = h("a", { class: "part-link", "data-nav": "" }, this.mark.element, this.text);
  private readonly runs = new PartFigure("part-runs");
  private readonly calls = figure("part-calls");
  private readonly errors = new PartFigure("part-errors");
  private readonly fallbacks = new PartFigure("part-fallbacks");
  private readonly tokens = figure("part-tokens");
  private readonly cost = figure("part-cost");
  private readonly fill = h("i", { class: "part-fill" });

  constructor(choiceNow: () => SpendChoice | null, runsNow: () => SummedRuns) {
    this.choiceNow = choiceNow;
    this.runsNow = runsNow;
    this.element = h(
      "tr",
      {},
      h("th", { scope: "row" }, this.link),
      this.runs.element,
      this.calls,
      this.errors.element,
      this.fallbacks.element,
      this.tokens,
      this.cost,
      h("td", { class: "part-share", "aria-hidden": "true" }, h("span", { class: "part-bar" }, this.fill)),
    );
  }

  update({ name, part, share }: PartRow): void {
    const choice = this.choiceNow();
    if (choice === null) return;
    const isMark = choice.by === "backend" && name !== "other";
    this.mark.update(isMark ? { backend: name } : undefined);
    this.text.hidden = isMark;
    setText(this.text, visible(name));
    const isChosen = choice.part === name;
    const to = { ...choice, part: isChosen ? "" : name };
    setAttr(this.link, "href", address(sectionRoute("spend", [], queryOf(to))));
    setAttr(this.link, "aria-current", isChosen ? "true" : null);
    setAttr(this.link, "title", isChosen ? "Show all again" : "Show its share of each day");
    setAttr(this.element, "data-chosen", isChosen ? "" : null);
    const runs = (calls: "" | "failed" | "fell_back") => runsOf(choice.by, name, calls, this.runsNow());
    const shown = choice.by === "backend" ? backendName(name) : visible(name);
    this.runs.update(part.runs, runs(""), `Show the runs of ${shown}`);
    setText(this.calls, count(part.calls));
    this.errors.update(part.errors, runs("failed"), `Show the runs in which calls of ${shown} failed`);
    setAttr(this.errors.element, "data-some", part.errors > 0 ? "" : null);
    const from = choice.by === "backend" ? `${shown} was left for another backend` : `${shown} fell back`;
    this.fallbacks.update(part.fallbacks, runs("fell_back"), `Show the runs in which ${from}`);
    const cost = costOf(part);
    setFigure(this.tokens, tokensOf(part));
    setFigure(this.cost, cost.text);
    setAttr(this.cost, "title", cost.title);
    this.fill.style.width = `${(share * 100).toFixed(2)}%`;
  }
}

export class DayTable {
  readonly element: HTMLElement;
  private readonly list: KeyedList<DayBar>;
  private readonly rest = h("p", { class: "board-text" });

  constructor() {
    const body = h("tbody");
    this.list = new KeyedList(
      body,
      ({ day }) => day,
      () => new DayRowView(),
    );
    this.element = h(
      "details",
      { class: "spend-each" },
      h("summary", {}, "Each day in figures"),
      h(
        "table",
        { class: "board-table spend-table", "aria-label": "Spend by day" },
        h(
          "thead",
          {},
          h(
            "tr",
            {},
            h("th", { scope: "col" }, "day (UTC)"),
            column("runs"),
            column("calls"),
            column("unpriced"),
            column("cost"),
          ),
        ),
        body,
      ),
      this.rest,
    );
  }

  draw(bars: readonly DayBar[]): void {
    const some = bars.filter((bar) => bar.runs > 0 || bar.nano !== 0).reverse();
    this.list.draw(some);
    const none = bars.length - some.length;
    setText(this.rest, none > 0 ? `${plural(none, "other day")} without a call.` : "");
    this.rest.hidden = none === 0;
  }
}

class DayRowView implements RowView<DayBar> {
  readonly element: HTMLElement;
  private readonly day = h("th", { scope: "row" });
  private readonly runs = figure();
  private readonly calls = figure();
  private readonly unpriced = figure();
  private readonly cost = figure();

  constructor() {
    this.element = h("tr", {}, this.day, this.runs, this.calls, this.unpriced, this.cost);
  }

  update(bar: DayBar): void {
    setText(this.day, bar.day);
    setText(this.runs, count(bar.runs));
    setText(this.calls, count(bar.calls));
    setFigure(this.unpriced, bar.unpriced > 0 ? count(bar.unpriced) : "–");
    setText(this.cost, amount(bar.nano));
    setAttr(this.cost, "title", moneyExact(bar.nano));
  }
}

function column(text: string, className = ""): HTMLElement {
  return h("th", { scope: "col", class: `figure ${className}`.trim() }, text);
}

function figure(className = ""): HTMLElement {
  return h("td", { class: `figure ${className}`.trim() });
}
