/** Figures of both runs side by side, with their difference. */
import { h, setAttr, setText } from "../../browser/dom";
import { KeyedList } from "../keyed";
import type { RowView } from "../windowed";
import type { Figure } from "./compare-words";

export class FigureTable {
  readonly element: HTMLElement;
  private readonly rows: KeyedList<Figure>;

  constructor(label: string) {
    const body = h("tbody");
    this.rows = new KeyedList(
      body,
      ({ name }) => name,
      () => new FigureRow(),
    );
    const heads = ["", "A", "B", "difference"].map((text) =>
      text ? h("th", { scope: "col" }, text) : h("td"),
    );
    this.element = h(
      "table",
      { class: "compare-figures", "aria-label": label },
      h("thead", {}, h("tr", {}, ...heads)),
      body,
    );
  }

  draw(figures: readonly Figure[]): void {
    this.rows.draw(figures);
  }
}

class FigureRow implements RowView<Figure> {
  private readonly name = h("th", { scope: "row" });
  private readonly a = h("td");
  private readonly b = h("td");
  private readonly delta = h("td", { class: "compare-delta" });
  readonly element = h("tr", {}, this.name, this.a, this.b, this.delta);

  update(figure: Figure): void {
    setText(this.name, figure.name);
    setText(this.a, figure.a);
    setText(this.b, figure.b);
    setText(this.delta, figure.delta);
    setAttr(this.delta, "title", figure.title || null);
  }
}
