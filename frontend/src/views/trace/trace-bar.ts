/** The bar of a row: where its span stands in the part of time that is shown. */
import { h, setAttr } from "../../browser/dom";

export interface BarPlace {
  /** 0 … 1 within what is shown; may be outside. */
  readonly from: number;
  readonly to: number;
}

export class TraceBar {
  readonly element: HTMLElement;
  private readonly bar = h("div", { class: "bar" });

  constructor() {
    this.element = h("div", { class: "cell-bar", role: "gridcell", "aria-hidden": "true" }, this.bar);
  }

  /** A span that ends before it starts is drawn between both, and marked. */
  draw({ from, to }: BarPlace): void {
    const low = Math.min(from, to);
    const high = Math.max(from, to);
    setAttr(this.element, "data-out", high < 0 ? "before" : low > 1 ? "after" : null);
    setAttr(this.bar, "data-reversed", to < from ? "" : null);
    const left = clamped(low);
    const { style } = this.bar;
    const leftText = `${(left * 100).toFixed(3)}%`;
    const widthText = `${((clamped(high) - left) * 100).toFixed(3)}%`;
    if (style.left !== leftText) style.left = leftText;
    if (style.width !== widthText) style.width = widthText;
  }
}

function clamped(share: number): number {
  return Math.min(1, Math.max(0, share));
}
