/** One session: its runs in their order, as a conversation, with what they come to. */
import { copyText, h, icon, setAttr, setText } from "../../browser/dom";
import { Refresh } from "../../connection/refresh";
import { type Api, ProblemError } from "../../service/api";
import type { SessionAnswer } from "../../service/wire-sessions";
import { count, dateTime, plural } from "../../text/format";
import { visible } from "../../text/visible";
import { KeyedList } from "../keyed";
import { Dialogues } from "./dialogues";
import { SessionPages } from "./session-pages";
import { BackendMarks } from "./session-row";
import { SessionRun, type ShownRun } from "./session-run";
import { costText, costTitle, moreText, runsText, tokensText } from "./session-words";

const ASK_MS = 2_000;
const RUNS = 100;
const COPIED_MS = 1_500;

export class SessionView {
  readonly element: HTMLElement;
  private readonly problem: (reason: string) => void;
  private readonly refresh: Refresh<SessionAnswer | null>;
  private readonly dialogues: Dialogues;
  private readonly name = h("h2", { class: "session-id mono", dir: "auto" });
  private readonly copy = h(
    "button",
    { type: "button", class: "button-icon small", "aria-label": "Copy the session's id", title: "Copy" },
    icon("copy"),
  );
  private readonly fields = h("dl", { class: "session-fields" });
  private readonly values = new Map<string, HTMLElement>();
  private readonly marks: BackendMarks;
  private readonly empty = h("p", { class: "board-empty" });
  private readonly content = h("div");
  private readonly runs: KeyedList<ShownRun>;
  private readonly pages = new SessionPages();
  private readonly more = h("button", { class: "button-quiet", type: "button", hidden: true });
  private sessionId = "";
  private answer: SessionAnswer | null = null;

  constructor(api: Api, problem: (reason: string) => void) {
    this.problem = problem;
    this.refresh = new Refresh((signal) => this.ask(api, signal), ASK_MS, {
      taken: (answer) => this.take(answer),
      failed: (reason) => {
        if (!this.answer) setText(this.empty, "");
        this.problem(reason);
      },
    });
    this.dialogues = new Dialogues(api, () => this.draw());
    const list = h("ol", { class: "session-list" });
    this.runs = new KeyedList(
      list,
      ({ run }) => run.run_id,
      () => new SessionRun(() => api.nowUs()),
    );
    for (const term of ["Runs", "Cost", "Calls", "Tokens in → out", "Errors", "First", "Last active"])
      this.field(term);
    this.marks = new BackendMarks(this.field("Served by"));
    this.content.append(this.fields, list, this.more);
    this.element = h(
      "section",
      { class: "board-part session", "aria-label": "Session" },
      h("a", { class: "link session-back", href: "/sessions", "data-nav": "" }, "All sessions"),
      h("div", { class: "session-title" }, this.name, this.copy),
      this.empty,
      this.content,
    );
    this.more.addEventListener("click", () => {
      this.pages.more();
      setText(this.more, "Loading…");
      this.refresh.now();
    });
    this.copy.addEventListener("click", () => void this.copyId());
  }

  start(sessionId: string): void {
    if (sessionId !== this.sessionId) {
      this.dialogues.clear();
      this.pages.clear();
    }
    this.sessionId = sessionId;
    this.answer = null;
    setText(this.name, visible(sessionId));
    setText(this.empty, "Loading…");
    this.empty.hidden = false;
    this.content.hidden = true;
    this.refresh.start();
  }

  stop(): void {
    this.refresh.stop();
  }

  wake(): void {
    this.refresh.now();
  }

  tick(): void {
    this.draw();
  }

  get isOld(): boolean {
    return this.answer !== null;
  }

  private field(term: string): HTMLElement {
    const value = h("dd");
    this.values.set(term, value);
    this.fields.append(h("div", {}, h("dt", {}, term), value));
    return value;
  }

  /** null: there is no such session, or no longer. */
  private async ask(api: Api, signal: AbortSignal): Promise<SessionAnswer | null> {
    try {
      return await this.pages.read((cursor) => api.session(this.sessionId, RUNS, cursor, signal));
    } catch (error) {
      if (error instanceof ProblemError && error.status === 404) return null;
      throw error;
    }
  }

  private take(answer: SessionAnswer | null): void {
    this.problem("");
    this.answer = answer;
    this.empty.hidden = answer !== null;
    this.content.hidden = answer === null;
    setText(
      this.empty,
      answer
        ? ""
        : "No run of this session is here. Finished runs are kept for six hours, and a session goes with its last one.",
    );
    if (!answer) return;
    this.draw();
    void this.dialogues.take(answer.items);
  }

  private draw(): void {
    const { answer } = this;
    if (!answer) return;
    const say = (term: string, text: string, title: string | null = null) => {
      const value = this.values.get(term);
      if (!value) return;
      setText(value, text);
      setAttr(value, "title", title);
    };
    say("Runs", runsText(answer));
    say("Cost", costText(answer), costTitle(answer));
    say("Calls", count(answer.calls));
    say("Tokens in → out", tokensText(answer));
    say("Errors", answer.errors > 0 ? plural(answer.errors, "span") : "none");
    setAttr(this.values.get("Errors") as HTMLElement, "data-some", answer.errors > 0 ? "" : null);
    say("First", dateTime(answer.first).slice(0, 16));
    say("Last active", answer.open > 0 ? "now" : dateTime(answer.last).slice(0, 16));
    this.marks.draw(Object.keys(answer.backends));
    this.runs.draw(
      answer.items.map((run, at) => ({
        run,
        before: answer.items[at - 1],
        dialogue: this.dialogues.of(run.run_id),
      })),
    );
    const hidden = answer.runs - answer.items.length;
    this.more.hidden = answer.next_cursor === null || hidden <= 0;
    setText(this.more, moreText(hidden, RUNS));
  }

  private async copyId(): Promise<void> {
    const done = await copyText(this.sessionId);
    this.copy.dataset.copied = done ? "copied" : "not allowed";
    setTimeout(() => delete this.copy.dataset.copied, COPIED_MS);
  }
}
