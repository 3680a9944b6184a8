/** One session in the list. */
import { h, setAttr, setFigure, setText } from "../../browser/dom";
import type { SessionSummary } from "../../service/wire-sessions";
import { count, dateTime, plural } from "../../text/format";
import { visible } from "../../text/visible";
import { BackendMark } from "../backend-mark";
import { KeyedList } from "../keyed";
import type { RowView } from "../windowed";
import { costText, costTitle, lastText, sessionHref, tokensText } from "./session-words";

const MOST_MARKS = 3;

export class SessionRow implements RowView<SessionSummary> {
  readonly element: HTMLElement;
  private readonly nowUs: () => number;
  private readonly link = h("a", { class: "session-link", "data-nav": "" });
  private readonly count = h("span");
  private readonly open = h("span", { class: "session-open" });
  private readonly marks = h("td", { class: "session-marks" });
  private readonly errors = h("td", { class: "figure session-errors" });
  private readonly tokens = h("td", { class: "figure session-tokens" });
  private readonly cost = h("td", { class: "figure session-cost" });
  private readonly last = h("td", { class: "figure session-last" });
  private readonly list = new BackendMarks(this.marks);

  constructor(nowUs: () => number) {
    this.nowUs = nowUs;
    this.element = h(
      "tr",
      {},
      h("th", { scope: "row" }, h("bdi", {}, this.link)),
      h("td", { class: "session-runs" }, this.count, this.open),
      this.marks,
      this.errors,
      this.tokens,
      this.cost,
      this.last,
    );
  }

  update(session: SessionSummary): void {
    setText(this.link, visible(session.session_id));
    setAttr(this.link, "href", sessionHref(session.session_id));
    setAttr(this.link, "title", session.session_id);
    setAttr(this.element, "data-open", session.open > 0 ? "" : null);
    setText(this.count, plural(session.runs, "run"));
    setText(this.open, session.open > 0 ? `, ${count(session.open)} going on` : "");
    this.list.draw(Object.keys(session.backends));
    setFigure(this.errors, session.errors > 0 ? count(session.errors) : "–");
    setAttr(this.errors, "data-some", session.errors > 0 ? "" : null);
    setFigure(this.tokens, tokensText(session));
    setFigure(this.cost, costText(session));
    setAttr(this.cost, "title", costTitle(session));
    setText(this.last, lastText(session, this.nowUs()));
    setAttr(this.last, "title", `First ${dateTime(session.first)}, last ${dateTime(session.last)}`);
  }
}

/** The marks of a few backends, and how many more there are. */
export class BackendMarks {
  private readonly list: KeyedList<string>;
  private readonly more = h("span", { class: "session-more" });

  constructor(parent: HTMLElement) {
    const marks = h("span", { class: "session-mark-list" });
    parent.append(marks, this.more);
    this.list = new KeyedList(
      marks,
      (backend) => backend,
      () => new MarkView(),
    );
  }

  draw(backends: readonly string[]): void {
    this.list.draw(backends.slice(0, MOST_MARKS));
    const rest = backends.slice(MOST_MARKS);
    setText(this.more, rest.length > 0 ? `+${rest.length}` : "");
    setAttr(
      this.more,
      "title",
      rest.length > 0 ? `${plural(rest.length, "further backend")}: ${rest.join(", ")}` : null,
    );
  }
}

class MarkView implements RowView<string> {
  private readonly mark = new BackendMark();
  readonly element = this.mark.element;

  update(backend: string): void {
    this.mark.update({ backend });
  }
}
