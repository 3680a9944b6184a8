/** The pages of the sessions: all of them, or one with its runs. */
import "../../styles/pages/sessions.css";
import { byId, h } from "../../browser/dom";
import type { Route } from "../../browser/router";
import type { Api } from "../../service/api";
import { ProblemLine } from "../problem-line";
import type { SectionView } from "../section";
import { SessionList } from "./session-list";
import { SessionView } from "./session-view";

export class SessionsPage implements SectionView {
  readonly title = "Sessions";
  private readonly problem = new ProblemLine();
  private readonly scroll = h("div", { class: "board-scroll" });
  private readonly list: SessionList;
  private readonly session: SessionView;
  private shown: SessionList | SessionView | null = null;

  constructor(api: Api) {
    this.list = new SessionList(api, (reason) => this.setProblem(reason));
    this.session = new SessionView(api, (reason) => this.setProblem(reason));
    byId("sessions-page").append(
      h("header", { class: "board-head" }, h("h1", {}, "Sessions")),
      this.problem.element,
      this.scroll,
    );
  }

  open(route: Route): void {
    this.show(route);
  }

  moved(route: Route): void {
    this.show(route);
  }

  close(): void {
    this.shown?.stop();
    this.shown = null;
  }

  wake(): void {
    this.shown?.wake();
  }

  tick(): void {
    this.shown?.tick();
  }

  private show(route: Route): void {
    this.shown?.stop();
    this.setProblem("");
    const [sessionId] = route.parts;
    this.shown = sessionId === undefined ? this.list : this.session;
    this.scroll.replaceChildren(this.shown.element);
    this.scroll.scrollTop = 0;
    if (sessionId === undefined) this.list.start(new URLSearchParams(route.query).get("q") ?? "");
    else this.session.start(sessionId);
  }

  private setProblem(reason: string): void {
    this.problem.show(reason, this.shown?.isOld === true);
  }
}
