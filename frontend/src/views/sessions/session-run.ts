/** One run of a session: what was asked, what was answered, what it came to. */

import { h, icon, setAttr, setIcon, setText } from "../../browser/dom";
import { address, runRoute } from "../../browser/router";
import type { RunSummary } from "../../service/wire";
import { dateTime, plural, tokens } from "../../text/format";
import { when } from "../../text/when";
import { markdown } from "../conversation/markdown";
import { runItem } from "../run-list";
import type { RowView } from "../windowed";
import { type Dialogue, pauseText } from "./session-words";

export interface ShownRun {
  readonly run: RunSummary;
  readonly before: RunSummary | undefined;
  /** Undefined: not known yet. */
  readonly dialogue: Dialogue | undefined;
}

export class SessionRun implements RowView<ShownRun> {
  readonly element: HTMLElement;
  private readonly nowUs: () => number;
  private readonly pause = h("p", { class: "session-pause" });
  private readonly glyph = icon("pending", "glyph");
  private readonly status = h("span", { class: "sr-only" });
  private readonly name = h("a", { class: "session-run-name", "data-nav": "" });
  private readonly when = h("span", { class: "session-run-when" });
  private readonly asked = said("Asked");
  private readonly answered = said("Answered");
  private readonly unkept = h("p", { class: "session-unkept" });
  private readonly figures = h("p", { class: "session-run-figures" });
  private readonly errors = h("span", { class: "session-run-errors" });
  private readonly rest = h("span");
  private readonly transcript = h("a", { class: "link", "data-nav": "" }, "Read as a transcript");

  constructor(nowUs: () => number) {
    this.nowUs = nowUs;
    this.figures.append(this.rest, this.errors, this.transcript);
    const card = h(
      "article",
      { class: "session-run" },
      h("h3", { class: "session-run-head" }, this.glyph, this.name, this.status, this.when),
      this.asked.element,
      this.answered.element,
      this.unkept,
      this.figures,
    );
    this.element = h("li", { class: "session-item" }, this.pause, card);
  }

  update({ run, before, dialogue }: ShownRun): void {
    const item = runItem(run, null, this.nowUs());
    setAttr(this.element, "data-status", run.status);
    setAttr(this.element, "data-run-id", run.run_id);
    const pause = pauseText(before?.end, run.start);
    this.pause.hidden = pause === "";
    setText(this.pause, pause);
    setIcon(this.glyph, item.icon.replace("#i-", ""));
    setText(this.name, item.name);
    setAttr(this.name, "href", item.href);
    setAttr(this.name, "title", item.title);
    setText(this.status, item.status);
    setText(this.when, run.start ? when(run.start, this.nowUs()) : "");
    setAttr(this.when, "title", run.start ? dateTime(run.start) : null);
    this.drawFigures(run, item.length, item.cost, item.errors);
    setAttr(this.transcript, "href", address(runRoute(run.run_id, null, "transcript")));
    this.drawDialogue(run, dialogue);
  }

  private drawFigures(run: RunSummary, length: string, cost: string, errors: string): void {
    const sums = Object.values(run.backends ?? {});
    const input = sums.reduce((all, one) => all + (one.tokens?.input ?? 0), 0);
    const output = sums.reduce((all, one) => all + (one.tokens?.output ?? 0), 0);
    const used = input + output > 0 ? `${tokens(input)} → ${tokens(output)} tokens` : "";
    setText(this.rest, [length, cost, used, plural(run.spans ?? 0, "span")].filter(Boolean).join(" · "));
    setText(this.errors, errors);
    this.errors.hidden = errors === "";
  }

  private drawDialogue(run: RunSummary, dialogue: Dialogue | undefined): void {
    this.asked.show(dialogue?.asked ?? "");
    this.answered.show(dialogue?.answered ?? "");
    const called = Object.values(run.backends ?? {}).some(({ calls }) => (calls ?? 0) > 0);
    const missing = dialogue !== undefined && !dialogue.asked && !dialogue.answered && called;
    this.unkept.hidden = !missing;
    setText(this.unkept, missing ? "What was said was not kept." : "");
    setAttr(
      this.unkept,
      "title",
      "Set OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=true where the application runs to keep it.",
    );
  }
}

function said(who: string): { element: HTMLElement; show(text: string): void } {
  const text = h("div", { class: "session-said-text" });
  let shown = "";
  const element = h(
    "div",
    { class: "session-said", "data-who": who },
    h("span", { class: "session-said-who" }, who),
    text,
  );
  return {
    element,
    show(value) {
      element.hidden = value === "";
      if (value === shown) return;
      shown = value;
      text.replaceChildren(markdown(value));
    },
  };
}
