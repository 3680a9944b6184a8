/** The page of two runs side by side: totals on top, their spans as one tree, the difference of a chosen span. */

import "../../styles/pages/compare.css";
import { byId, h, setAttr, setText } from "../../browser/dom";
import { type Route, sectionRoute } from "../../browser/router";
import { lengthOf, rowId, SHOWN, type Shown } from "../../compare/compare-rows";
import { Refresh } from "../../connection/refresh";
import type { Api } from "../../service/api";
import type { ComparedRow, Comparison } from "../../service/wire-compare";
import { count } from "../../text/format";
import { isAlive } from "../run-list";
import type { SectionView } from "../section";
import { CompareTable } from "./compare-table";
import { leftOutText } from "./compare-words";
import { RunChoice } from "./run-choice";
import { RunTotals } from "./run-totals";
import { SpanDifference } from "./span-difference";

const ASK_MS = 3_000;
/** Two runs of this many spans are asked for every so often only. */
const LARGE = 20_000;
const LARGE_TURNS = 5;

export interface CompareListener {
  go(route: Route): void;
  /** The address alone has changed. */
  record(route: Route): void;
}

export class ComparePage implements SectionView {
  readonly title = "Compare";
  private readonly api: Api;
  private readonly listener: CompareListener;
  private readonly refresh: Refresh<Comparison | null>;
  private readonly choice: RunChoice;
  private readonly totals = new RunTotals();
  private readonly table: CompareTable;
  private readonly details: SpanDifference;
  private readonly tabs = new Map<Shown, HTMLButtonElement>();
  private readonly message = h("p", { class: "board-message", role: "status" });
  private readonly problem = h("p", { class: "board-problem", role: "status", hidden: true });
  private readonly actions: HTMLElement;
  private readonly body: HTMLElement;
  private readonly choosing: HTMLElement;
  private route = sectionRoute("compare");
  private comparison: Comparison | null = null;
  private turns = 0;

  constructor(api: Api, listener: CompareListener) {
    this.api = api;
    this.listener = listener;
    this.refresh = new Refresh((signal) => this.ask(signal), ASK_MS, {
      taken: (answer) => this.take(answer),
      failed: (reason) => this.setProblem(reason),
    });
    this.choice = new RunChoice(api, (a, b) => listener.go(sectionRoute("compare", [a, b])));
    this.details = new SpanDifference(api, () => this.select(null));
    this.table = new CompareTable(
      () => api.nowUs(),
      (row) => this.select(row),
    );
    this.actions = this.makeActions();
    this.body = h(
      "div",
      { class: "compare-body", hidden: true },
      h("div", { class: "compare-main" }, this.totals.element, this.makeTabs(), this.table.element),
      this.details.element,
    );
    this.choosing = h("div", { class: "board-scroll compare-choosing", hidden: true }, this.choice.element);
    byId("compare-page").append(
      h("header", { class: "board-head" }, h("h1", {}, "Compare"), this.actions, this.message),
      this.problem,
      this.choosing,
      this.body,
    );
  }

  open(route: Route): void {
    this.moved(route);
  }

  moved(route: Route): void {
    const same = this.refresh.isOn && this.route.parts.join() === route.parts.join();
    this.route = route;
    const query = new URLSearchParams(route.query);
    const [a, b] = route.parts;
    const chosen = a !== undefined && b !== undefined;
    this.choosing.hidden = chosen;
    this.actions.hidden = !chosen;
    if (!chosen) {
      this.close();
      this.forget();
      this.setProblem("");
      void this.choice.load(query.get("a"));
      return;
    }
    this.drawTabs();
    this.table.show(this.shown);
    if (same) {
      this.drawDetails();
      return;
    }
    this.forget();
    this.setProblem("");
    setText(this.message, "Loading…");
    this.refresh.start();
  }

  close(): void {
    this.refresh.stop();
  }

  wake(): void {
    this.refresh.now();
  }

  tick(): void {
    const { comparison } = this;
    if (!comparison || !isLive(comparison)) return;
    const nowUs = this.api.nowUs();
    this.totals.draw(comparison, nowUs);
    this.table.tick(lengthOf(comparison.a, comparison.b, nowUs));
    this.details.tick();
  }

  private get shown(): Shown {
    const wanted = new URLSearchParams(this.route.query).get("show");
    return SHOWN.find((each) => each === wanted) ?? "all";
  }

  /** Null where nothing can have changed. */
  private async ask(signal: AbortSignal): Promise<Comparison | null> {
    const { comparison } = this;
    if (comparison && !isLive(comparison)) return null;
    const large = comparison !== null && comparison.rows.length + comparison.left_out > LARGE;
    if (large && ++this.turns % LARGE_TURNS !== 0) return null;
    const [a = "", b = ""] = this.route.parts;
    return this.api.compare(a, b, signal);
  }

  private take(answer: Comparison | null): void {
    if (!answer) return;
    this.comparison = answer;
    this.setProblem("");
    this.body.hidden = false;
    const nowUs = this.api.nowUs();
    this.totals.draw(answer, nowUs);
    this.table.take(answer, lengthOf(answer.a, answer.b, nowUs));
    const live = isLive(answer) ? "Still running: brought up to date as it goes" : "";
    setText(this.message, [live, leftOutText(answer)].filter(Boolean).join(" · "));
    this.drawTabs();
    this.drawDetails();
  }

  private forget(): void {
    this.comparison = null;
    this.turns = 0;
    this.body.hidden = true;
    this.details.hide();
    this.table.reset();
    setText(this.message, "");
  }

  private select(row: ComparedRow | null): void {
    const query = new URLSearchParams(this.route.query);
    const had = query.has("span");
    if (row) query.set("span", rowId(row));
    else query.delete("span");
    this.route = sectionRoute("compare", this.route.parts, query.toString());
    this.listener.record(this.route);
    this.drawDetails();
    if (!row && had) this.table.focus();
  }

  private drawDetails(): void {
    const id = new URLSearchParams(this.route.query).get("span");
    const row = this.comparison ? this.table.select(id) : null;
    const [a = "", b = ""] = this.route.parts;
    if (row) this.details.show(row, a, b);
    else this.details.hide();
    setAttr(this.body, "data-details", row ? "" : null);
  }

  private makeActions(): HTMLElement {
    const swap = () => {
      const [a = "", b = ""] = this.route.parts;
      this.listener.go(sectionRoute("compare", [b, a]));
    };
    const others = () => this.listener.go(sectionRoute("compare", [], `a=${this.route.parts[0] ?? ""}`));
    return h(
      "div",
      { class: "compare-actions" },
      h("button", { class: "button", type: "button", onclick: swap }, "Swap A and B"),
      h("button", { class: "button", type: "button", onclick: others }, "Choose others"),
    );
  }

  private makeTabs(): HTMLElement {
    for (const shown of SHOWN) {
      const show = () => {
        const query = new URLSearchParams(this.route.query);
        if (shown === "all") query.delete("show");
        else query.set("show", shown);
        this.route = sectionRoute("compare", this.route.parts, query.toString());
        this.listener.record(this.route);
        this.table.show(shown);
        this.drawTabs();
      };
      this.tabs.set(shown, h("button", { class: "tab", type: "button", onclick: show }));
    }
    const group = { class: "tabs compare-tabs", role: "group", "aria-label": "Which spans" };
    return h("div", group, ...this.tabs.values());
  }

  private drawTabs(): void {
    const { both = 0, only_a: a = 0, only_b: b = 0, differing = 0 } = this.comparison ?? {};
    const texts: Readonly<Record<Shown, string>> = {
      all: `All ${count(both + a + b)}`,
      differing: `Differences ${count(differing + a + b)}`,
      a: `Only in A ${count(a)}`,
      b: `Only in B ${count(b)}`,
    };
    for (const [shown, button] of this.tabs) {
      setText(button, texts[shown]);
      setAttr(button, "aria-pressed", String(shown === this.shown));
    }
  }

  private setProblem(reason: string): void {
    this.problem.hidden = reason === "";
    if (reason && !this.comparison) setText(this.message, "");
    const old = this.comparison ? " What is shown may be old." : "";
    setText(this.problem, reason && `${reason}.${old} This page keeps trying.`);
  }
}

function isLive({ a, b }: Comparison): boolean {
  return isAlive(a) || isAlive(b);
}
