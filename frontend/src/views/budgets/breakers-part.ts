/** Circuit breakers: which backend and model is in use, and which is skipped for a while and why. */
import { h, icon, setAttr, setIcon, setText } from "../../browser/dom";
import type { Breaker } from "../../service/wire-work";
import { BackendMark } from "../backend-mark";
import { KeyedList } from "../keyed";
import type { RowView } from "../windowed";
import { breakerText, breakerTitle } from "./budget-words";

const ICONS: Readonly<Record<Breaker["state"], string>> = {
  closed: "ok",
  open: "skipped",
  half_open: "running",
};

/** Where the backend is not installed its circuit is closed, and it serves nothing there. */
function isMissing(breaker: Breaker): boolean {
  return breaker.state === "closed" && (breaker.missing_on ?? []).length > 0;
}

export class BreakersPart {
  readonly element: HTMLElement;
  private readonly list: KeyedList<Breaker>;
  private readonly empty = h("p", { class: "board-empty" });
  private readonly table: HTMLElement;
  private breakers: readonly Breaker[] | null = null;

  constructor(nowUs: () => number) {
    const body = h("tbody");
    this.table = h("table", { class: "board-table breakers", "aria-label": "Backends" }, body);
    this.list = new KeyedList(
      body,
      (one) => `${one.backend} ${one.model}`,
      () => new BreakerRow(nowUs),
    );
    this.element = h(
      "section",
      { class: "board-part", "aria-label": "Circuit breakers" },
      h("h2", {}, "Backends"),
      h(
        "p",
        { class: "board-text" },
        "A backend that fails is skipped for a while, and the next in line is asked.",
      ),
      this.empty,
      this.table,
    );
    this.empty.hidden = true;
    this.table.hidden = true;
  }

  draw(breakers: readonly Breaker[]): void {
    this.breakers = breakers;
    this.empty.hidden = breakers.length > 0;
    setText(this.empty, "No backend was asked within a day.");
    this.table.hidden = breakers.length === 0;
    this.list.draw(
      breakers.slice().sort((a, b) => (`${a.backend} ${a.model}` < `${b.backend} ${b.model}` ? -1 : 1)),
    );
  }

  tick(): void {
    if (this.breakers) this.draw(this.breakers);
  }
}

class BreakerRow implements RowView<Breaker> {
  readonly element: HTMLElement;
  private readonly nowUs: () => number;
  private readonly mark = new BackendMark();
  private readonly model = h("span", { class: "breaker-model mono" });
  private readonly glyph = icon("ok", "glyph");
  private readonly text = h("span");

  constructor(nowUs: () => number) {
    this.nowUs = nowUs;
    const state = h("td", {}, h("span", { class: "breaker-state" }, this.glyph, this.text));
    this.element = h("tr", {}, h("th", { scope: "row" }, this.mark.element, this.model), state);
  }

  update(breaker: Breaker): void {
    this.mark.update(breaker);
    setText(this.model, breaker.model);
    setAttr(this.element, "data-state", isMissing(breaker) ? "missing" : breaker.state);
    setAttr(this.element, "title", breakerTitle(breaker, this.nowUs()));
    setIcon(this.glyph, isMissing(breaker) ? "cancelled" : (ICONS[breaker.state] ?? "dot"));
    setText(this.text, breakerText(breaker, this.nowUs()));
  }
}
