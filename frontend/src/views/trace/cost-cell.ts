/** What a span and those below it have cost, in its row. */
import { h, setAttr, setText } from "../../browser/dom";
import type { SpanState } from "../../service/wire";
import * as format from "../../text/format";
import { costSource } from "../../text/span-words";
import type { TreeNode } from "../../tree";
import { costEstimate } from "./row-words";

export class CostCell {
  readonly element = h("div", { class: "cell-cost", role: "gridcell" });

  update(span: SpanState, node: TreeNode): void {
    const { cost, priced, unpriced } = node.total;
    const own = node.children.length === 0 || node.own.priced + node.own.unpriced > 0;
    setAttr(this.element, "data-sum", own && priced > 0 ? null : "");
    if (priced === 0) {
      setAttr(this.element, "data-more", null);
      const estimate = costEstimate(span);
      setAttr(this.element, "data-estimate", estimate ? "" : null);
      if (estimate) {
        setAttr(this.element, "data-unpriced", null);
        setText(this.element, estimate);
        setAttr(this.element, "title", "Estimated while the answer is streamed");
        return;
      }
      setText(this.element, unpriced > 0 ? "unpriced" : "");
      const why = own ? costSource(span) : undefined;
      const calls = `${format.plural(unpriced, "call")} without a price`;
      setAttr(this.element, "title", unpriced > 0 ? [calls, why].filter(Boolean).join("\n") : null);
      // A failed attempt has no price as a rule; a call that worked and has none is worth a look.
      setAttr(this.element, "data-unpriced", own && unpriced > 0 && span.status !== "error" ? "" : null);
      return;
    }
    setAttr(this.element, "data-unpriced", null);
    setAttr(this.element, "data-estimate", null);
    // The plus hangs beside the figure, which stays in line with those above and below.
    setAttr(this.element, "data-more", unpriced > 0 ? "" : null);
    setText(this.element, format.money(cost));
    const source = own ? costSource(span) : undefined;
    const rest = unpriced > 0 ? `and ${format.plural(unpriced, "call")} without a price` : "";
    setAttr(this.element, "title", [format.moneyExact(cost), source, rest].filter(Boolean).join(", "));
  }

  /** Of a parent that is not here only what its children cost is known. */
  updatePlaceholder(node: TreeNode): void {
    setText(this.element, node.total.priced > 0 ? format.money(node.total.cost) : "");
    for (const mark of ["data-unpriced", "data-estimate", "data-more", "title"])
      setAttr(this.element, mark, null);
    setAttr(this.element, "data-sum", "");
  }
}
