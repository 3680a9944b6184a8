/** The line of a page beside the runs that says why it is not brought up to date. */
import { h, setText } from "../browser/dom";

export class ProblemLine {
  readonly element = h("p", { class: "board-problem", role: "status", hidden: true });

  /** `reason`: a sentence without its full stop, empty where all is well. `isOld`: an earlier answer is shown. */
  show(reason: string, isOld: boolean): void {
    this.element.hidden = reason === "";
    const old = isOld ? " What is shown may be old." : "";
    setText(this.element, reason && `${reason}.${old} This page keeps trying.`);
  }
}
