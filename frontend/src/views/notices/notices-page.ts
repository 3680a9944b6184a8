/** The page of the notices: which rules there are, and what was told, and to whom. */
import "../../styles/pages/notices.css";
import { byId, h, icon, setAttr, setIcon, setText } from "../../browser/dom";
import { address, runRoute } from "../../browser/router";
import { Refresh } from "../../connection/refresh";
import type { Api } from "../../service/api";
import type { Notice, NoticeRule, NoticesAnswer } from "../../service/wire-work";
import { KeyedList } from "../keyed";
import { ProblemLine } from "../problem-line";
import type { SectionView } from "../section";
import type { RowView } from "../windowed";
import { nowhereText, ruleTitle, stateWords, timeWords } from "./notice-words";
import { type ChangeRule, RuleRow } from "./rule-row";

const ASK_MS = 5_000;
const ICONS: Readonly<Record<Notice["state"], string>> = {
  sent: "ok",
  pending: "pending",
  dead: "error",
  unsent: "dot",
};

export class NoticesPage implements SectionView {
  readonly title = "Notices";
  private readonly refresh: Refresh<NoticesAnswer>;
  private readonly problem = new ProblemLine();
  private readonly nowhere = h("p", { class: "board-text", hidden: true });
  private readonly noRules = h("p", { class: "board-empty" }, "Loading…");
  private readonly empty = h("p", { class: "board-empty", hidden: true }, "No notices yet.");
  private readonly rules: KeyedList<NoticeRule>;
  private readonly recent: KeyedList<Notice>;
  private readonly body: HTMLElement;
  private answer: NoticesAnswer | null = null;

  constructor(api: Api) {
    this.refresh = new Refresh((signal) => api.notices(signal), ASK_MS, {
      taken: (answer) => this.take(answer),
      failed: (reason) => this.setProblem(reason),
    });
    const change: ChangeRule = async (id, wanted) => {
      await api.changeRule(id, wanted);
      this.refresh.now();
    };
    const now = () => api.nowUs();
    const rules = h("ul", { class: "rules" });
    this.rules = new KeyedList(
      rules,
      (rule) => rule.id,
      (rule) => new RuleRow(rule, change, now),
    );
    const recent = h("ul", { class: "recent" });
    this.recent = new KeyedList(
      recent,
      (notice) => notice.id,
      () => new NoticeItem(now, (id) => this.nameOf(id)),
    );
    this.body = h(
      "div",
      { class: "board-scroll" },
      h(
        "section",
        { class: "board-part", "aria-label": "Rules" },
        h("h2", {}, "Rules"),
        this.nowhere,
        this.noRules,
        rules,
      ),
      h(
        "section",
        { class: "board-part", "aria-label": "Recent" },
        h("h2", {}, "Recent"),
        this.empty,
        recent,
      ),
    );
    byId("notices-page").append(
      h("header", { class: "board-head" }, h("h1", {}, "Notices")),
      this.problem.element,
      this.body,
    );
  }

  open(): void {
    this.refresh.start();
  }

  close(): void {
    this.refresh.stop();
  }

  wake(): void {
    this.refresh.now();
  }

  tick(): void {
    if (this.answer) this.draw(this.answer);
  }

  private take(answer: NoticesAnswer): void {
    this.answer = answer;
    this.setProblem("");
    this.draw(answer);
  }

  private draw({ rules, recent }: NoticesAnswer): void {
    this.noRules.hidden = rules.length > 0;
    setText(this.noRules, "There are no rules.");
    setText(this.nowhere, nowhereText(rules));
    this.nowhere.hidden = this.nowhere.textContent === "";
    this.rules.draw(rules);
    this.empty.hidden = recent.length > 0;
    this.recent.draw(recent);
  }

  private nameOf(ruleId: string): string {
    const rule = this.answer?.rules.find(({ id }) => id === ruleId);
    return rule ? ruleTitle(rule) : ruleId;
  }

  private setProblem(reason: string): void {
    this.problem.show(reason, this.answer !== null);
    // Headings over nothing would say that there is nothing.
    this.body.hidden = reason !== "" && !this.answer;
  }
}

class NoticeItem implements RowView<Notice> {
  readonly element: HTMLElement;
  private readonly nowUs: () => number;
  private readonly nameOf: (ruleId: string) => string;
  private readonly glyph = icon("ok", "glyph");
  private readonly plain = h("span", { class: "recent-title" });
  private readonly link = h("a", { class: "recent-title queue-link", "data-nav": "" });
  private readonly detail = h("span", { class: "recent-detail" });
  private readonly state = h("span", { class: "recent-state" });
  private readonly when = h("span", { class: "recent-when" });

  constructor(nowUs: () => number, nameOf: (ruleId: string) => string) {
    this.nowUs = nowUs;
    this.nameOf = nameOf;
    const text = h("span", { class: "recent-text" }, this.plain, this.link, this.detail);
    this.element = h("li", { class: "recent-item" }, this.glyph, text, this.state, this.when);
  }

  update(notice: Notice): void {
    setAttr(this.element, "data-state", notice.state);
    setIcon(this.glyph, ICONS[notice.state] ?? "dot");
    this.plain.hidden = Boolean(notice.run_id);
    this.link.hidden = !notice.run_id;
    setText(notice.run_id ? this.link : this.plain, notice.title);
    if (notice.run_id) setAttr(this.link, "href", address(runRoute(notice.run_id)));
    setText(this.detail, notice.detail ?? "");
    const whole = [this.nameOf(notice.rule), notice.title, notice.detail].filter(Boolean).join("\n");
    setAttr(this.element, "title", whole);
    setText(this.state, stateWords(notice.state));
    const { text, title } = timeWords(notice, this.nowUs());
    setText(this.when, text);
    setAttr(this.when, "title", title);
  }
}
