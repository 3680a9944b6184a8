/** The list of sessions: those that were active last, kept up to date. */
import { h, icon, setText } from "../../browser/dom";
import { Refresh } from "../../connection/refresh";
import type { Api } from "../../service/api";
import type { SessionSummary } from "../../service/wire-sessions";
import { KeyedList } from "../keyed";
import { SessionRow } from "./session-row";

const ASK_MS = 2_000;
const TYPING_MS = 250;
const PAGE = 50;
const MOST_PAGES = 10;

export class SessionList {
  readonly element: HTMLElement;
  private readonly refresh: Refresh<{ sessions: SessionSummary[]; more: boolean }>;
  private readonly problem: (reason: string) => void;
  private readonly empty = h("p", { class: "board-empty" }, "Loading…");
  private readonly teach = h("div", { hidden: true });
  private readonly table: HTMLElement;
  private readonly rows: KeyedList<SessionSummary>;
  private readonly older = h(
    "button",
    { type: "button", class: "button-quiet", hidden: true },
    "Older sessions",
  );
  private readonly input = h("input", {
    id: "session-filter",
    type: "search",
    maxlength: 200,
    placeholder: "Session id",
    autocomplete: "off",
    spellcheck: "false",
  });
  private typing: ReturnType<typeof setTimeout> | undefined;
  private pages = 1;
  private sessions: readonly SessionSummary[] | null = null;

  /** `problem` is told why the list cannot be taken; an empty text when it can again. */
  constructor(api: Api, problem: (reason: string) => void) {
    this.problem = problem;
    this.refresh = new Refresh((signal) => this.ask(api, signal), ASK_MS, {
      taken: ({ sessions, more }) => this.draw(sessions, more),
      failed: (reason) => {
        if (!this.sessions) setText(this.empty, "");
        this.problem(reason);
      },
    });
    const body = h("tbody");
    this.rows = new KeyedList(
      body,
      ({ session_id }) => session_id,
      () => new SessionRow(() => api.nowUs()),
    );
    this.table = h(
      "table",
      { class: "board-table session-table", "aria-label": "Sessions", hidden: true },
      head(),
      body,
    );
    this.teach.append(...teaching());
    const filter = h(
      "label",
      { class: "filter session-filter" },
      icon("search"),
      h("span", { class: "sr-only" }, "Find sessions by their id"),
      this.input,
    );
    this.element = h("div", { class: "board-part" }, filter, this.empty, this.teach, this.table, this.older);
    this.input.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.narrow(), TYPING_MS);
    });
    this.older.addEventListener("click", () => {
      this.pages = Math.min(this.pages + 1, MOST_PAGES);
      this.refresh.now();
    });
  }

  /** Shows those that the address asks for. */
  start(words: string): void {
    this.input.value = words;
    this.pages = 1;
    this.refresh.start();
  }

  stop(): void {
    clearTimeout(this.typing);
    this.refresh.stop();
  }

  wake(): void {
    this.refresh.now();
  }

  tick(): void {
    if (this.sessions) this.rows.draw(this.sessions);
  }

  get isOld(): boolean {
    return this.sessions !== null;
  }

  private get words(): string {
    return this.input.value.trim();
  }

  private narrow(): void {
    this.pages = 1;
    const query = this.words ? `?${new URLSearchParams({ q: this.words })}` : "";
    history.replaceState(null, "", `/sessions${query}`);
    this.refresh.now();
  }

  private async ask(api: Api, signal: AbortSignal): Promise<{ sessions: SessionSummary[]; more: boolean }> {
    const sessions: SessionSummary[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < this.pages; page++) {
      const answer = await api.sessions(this.words, PAGE, cursor, signal);
      sessions.push(...answer.sessions);
      cursor = answer.next_cursor;
      if (cursor === null) break;
    }
    return { sessions, more: cursor !== null };
  }

  private draw(sessions: readonly SessionSummary[], more: boolean): void {
    this.problem("");
    this.sessions = sessions;
    const none = sessions.length === 0;
    this.table.hidden = none;
    this.empty.hidden = !none || this.words === "";
    setText(this.empty, none ? "No session has this in its id." : "");
    this.teach.hidden = !none || this.words !== "";
    this.older.hidden = !more || this.pages >= MOST_PAGES;
    this.rows.draw(sessions);
  }
}

function head(): HTMLElement {
  const column = (text: string, className = "") => h("th", { scope: "col", class: className || null }, text);
  return h(
    "thead",
    {},
    h(
      "tr",
      {},
      column("session"),
      column("runs", "session-runs"),
      column("backends", "session-marks"),
      column("errors", "figure session-errors"),
      column("tokens in → out", "figure session-tokens"),
      column("cost", "figure session-cost"),
      column("last active", "figure session-last"),
    ),
  );
}

function teaching(): HTMLElement[] {
  return [
    h("h2", {}, "No sessions yet"),
    h(
      "p",
      { class: "board-text" },
      "A session is what several runs belong to: a conversation, a user's visit, a ticket. Runs whose spans name the same id stand together here, with what they cost in sum.",
    ),
    h("p", { class: "board-text" }, "Name it in your application:"),
    h(
      "pre",
      { class: "session-code mono", tabindex: "0" },
      'with spantail.operation("support agent", session_id="ticket 4711"):',
    ),
    h(
      "p",
      { class: "board-text" },
      "That is the attribute spantail.session.id of any span. What other libraries say is read as well: gen_ai.conversation.id, session.id, langfuse.session.id and their like.",
    ),
  ];
}
