/** The bar of a row: where its span stands in the part of time that is shown. */
import { h, setAttr } from "../../browser/dom";

/** 0 … 1 within what is shown; may be outside. */
export interface BarPlace {
  readonly from: number;
  readonly to: number;
}

export class TraceBar {
  readonly element: HTMLElement;
  private readonly bar = h("div", { class: "bar" });
  private readonly critical: HTMLElement[] = [];

  constructor() {
    this.element = h("div", { class: "cell-bar", role: "gridcell", "aria-hidden": "true" }, this.bar);
  }

  /** A span that ends before it starts is drawn between both, and marked. */
  draw({ from, to }: BarPlace): void {
    const low = Math.min(from, to);
    const high = Math.max(from, to);
    setAttr(this.element, "data-out", high < 0 ? "before" : low > 1 ? "after" : null);
    setAttr(this.bar, "data-reversed", to < from ? "" : null);
    place(this.bar, low, high);
  }

  /** The parts of it that the run had to wait for. */
  drawCritical(parts: readonly BarPlace[]): void {
    while (this.critical.length > parts.length) this.critical.pop()?.remove();
    while (this.critical.length < parts.length) {
      const part = h("i", { class: "bar-critical" });
      this.critical.push(part);
      this.element.append(part);
    }
    this.critical.forEach((element, at) => {
      const part = parts[at];
      if (part) place(element, part.from, part.to);
    });
  }
}

function place(element: HTMLElement, from: number, to: number): void {
  const left = clamped(from);
  const { style } = element;
  const leftText = `${(left * 100).toFixed(3)}%`;
  const widthText = `${((clamped(to) - left) * 100).toFixed(3)}%`;
  if (style.left !== leftText) style.left = leftText;
  if (style.width !== widthText) style.width = widthText;
}

function clamped(share: number): number {
  return Math.min(1, Math.max(0, share));
}
