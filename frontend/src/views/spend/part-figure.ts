/** A figure of a part that leads to the runs it was counted in. */
import { h, setAttr, setFigure, setText } from "../../browser/dom";
import { count } from "../../text/format";

export class PartFigure {
  readonly element: HTMLElement;
  private readonly text = h("span");
  private readonly link = h("a", { class: "figure-link", "data-nav": "" });

  constructor(className: string) {
    this.element = h("td", { class: `figure ${className}` }, this.text, this.link);
  }

  /** `to` is the address of these runs, `title` what they are; undefined is unknown. */
  update(value: number | undefined, to: string, title: string): void {
    const leads = to !== "" && value !== undefined && value > 0;
    const shown = value === undefined || value === 0 ? "–" : count(value);
    this.link.hidden = !leads;
    this.text.hidden = leads;
    setText(this.link, leads ? shown : "");
    setFigure(this.text, leads ? "" : shown);
    setAttr(this.link, "href", leads ? to : null);
    setAttr(this.link, "title", leads ? `${title}, as far as they are still kept` : null);
  }
}
