/** Both runs as a whole: what they are, their figures, and the difference. */

import { h, icon, setAttr, setIcon, setText } from "../../browser/dom";
import { address, runRoute } from "../../browser/router";
import type { RunSummary } from "../../service/wire";
import type { Comparison } from "../../service/wire-compare";
import { dateTime } from "../../text/format";
import { when } from "../../text/when";
import { runName } from "../run-list";
import { RUN_ICONS } from "../status";
import { type Figure, figures } from "./compare-words";

export class RunTotals {
  readonly element: HTMLElement;
  private readonly head = h("tr", { role: "row" });
  private readonly a = new RunCells("A");
  private readonly b = new RunCells("B");
  private readonly difference = h(
    "tr",
    { role: "row" },
    h("th", { scope: "row", role: "rowheader" }, "difference"),
  );
  private shown = "";

  constructor() {
    this.element = h(
      "table",
      { class: "compare-totals", role: "table", "aria-label": "Totals" },
      h("thead", { role: "rowgroup" }, this.head),
      h("tbody", { role: "rowgroup" }, this.a.element, this.b.element, this.difference),
    );
  }

  draw(comparison: Comparison, nowUs: number): void {
    const found = figures(comparison, nowUs);
    this.make(found);
    this.a.draw(comparison.a, nowUs);
    this.b.draw(comparison.b, nowUs);
    found.forEach((figure, at) => {
      setText(this.a.element.children[at + 1] as Element, figure.a);
      setText(this.b.element.children[at + 1] as Element, figure.b);
      const cell = this.difference.children[at + 1] as Element;
      setText(cell, figure.delta || "–");
      setAttr(cell, "data-same", figure.delta ? null : "");
      setAttr(cell, "title", figure.title || null);
    });
  }

  private make(found: readonly Figure[]): void {
    const names = found.map(({ name }) => name).join();
    if (names === this.shown) return;
    this.shown = names;
    const headers = found.map(({ name }) => h("th", { scope: "col", role: "columnheader" }, name));
    this.head.replaceChildren(h("th", { scope: "col", role: "columnheader" }, "run"), ...headers);
    for (const row of [this.a.element, this.b.element, this.difference])
      for (const _ of found) row.append(h("td", { role: "cell" }));
  }
}

class RunCells {
  readonly element: HTMLElement;
  private readonly link = h("a", { class: "compare-run-name", "data-nav": "" });
  private readonly glyph = icon("ok", "glyph");
  private readonly status = h("span");
  private readonly badge = h("span", { class: "status-badge" }, this.glyph, this.status);
  private readonly when = h("span", { class: "compare-when" });

  constructor(letter: string) {
    this.element = h(
      "tr",
      { role: "row" },
      h(
        "th",
        { scope: "row", role: "rowheader" },
        h("span", { class: "compare-letter" }, letter),
        this.link,
        this.badge,
        this.when,
      ),
    );
  }

  draw(run: RunSummary, nowUs: number): void {
    setText(this.link, runName(run));
    setAttr(this.link, "href", address(runRoute(run.run_id)));
    setAttr(this.link, "title", `${runName(run)}\n${run.run_id}`);
    setAttr(this.badge, "data-status", run.status);
    setIcon(this.glyph, RUN_ICONS[run.status] ?? "pending");
    setText(this.status, run.status);
    setText(this.when, run.start ? when(run.start, nowUs) : "");
    setAttr(this.when, "title", run.start ? dateTime(run.start) : null);
  }
}
