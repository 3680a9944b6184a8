/** Below the head of a run of which something is missing: how much, and on demand where, why and what helps. */
import { byId, h, icon, setText } from "../../../browser/dom";
import { type Loss, losses, lossText } from "../../../run/tail/losses";
import type { Marks } from "../../../service/wire";
import { count } from "../../../text/format";

export class LossLine {
  private readonly element = byId("run-losses");
  private readonly text = h("span", { class: "loss-text" });
  private readonly list = h("ul", { class: "loss-list" });
  private readonly more = h("details", {});
  private drawn = "";

  constructor() {
    const summary = h(
      "summary",
      {},
      icon("warning", "glyph"),
      this.text,
      h("span", { class: "loss-why" }, "Why"),
    );
    this.more.append(summary, this.list);
    this.element.append(this.more);
  }

  show(dropped: Readonly<Record<string, number>>, marks: Readonly<Marks>): void {
    const list = losses(dropped, marks);
    const wanted = JSON.stringify(list);
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    this.element.hidden = list.length === 0;
    setText(this.text, lossText(list));
    this.list.replaceChildren(...list.map(lossItem));
  }

  /** For another run: nobody has asked why there. */
  close(): void {
    this.more.open = false;
    this.show({}, {});
  }
}

function lossItem({ reason, events, where, why, remedy }: Loss): HTMLElement {
  return h(
    "li",
    { "data-reason": reason },
    h("span", { class: "loss-count" }, events === null ? "unknown" : count(events)),
    h(
      "span",
      {},
      h("span", { class: "loss-where" }, `${where[0]?.toUpperCase() ?? ""}${where.slice(1)}. `),
      why,
      remedy && h("span", { class: "loss-remedy" }, ` ${remedy}`),
      events !== null && h("code", { class: "loss-reason" }, reason),
    ),
  );
}
