/** What stands around the events of the livetail: how many there are, why there are none, and the ways on. */
import { byId, setAttr, setText } from "../../browser/dom";
import { emptyWords, type TailState, tailInfo } from "./tail-info";

export interface TailNotesActions {
  /** Search further back. */
  further(): void;
  /** Go to the newest event. */
  jump(): void;
}

export class TailNotes {
  private readonly info = byId("tail-info");
  private readonly further = byId<HTMLButtonElement>("tail-further");
  private readonly jump = byId<HTMLButtonElement>("tail-jump");
  private readonly empty = byId("tail-empty");

  constructor(actions: TailNotesActions) {
    this.further.addEventListener("click", () => actions.further());
    this.jump.addEventListener("click", () => actions.jump());
  }

  draw(state: TailState, atEnd: boolean): void {
    const info = tailInfo(state);
    setText(this.info, info);
    setAttr(this.info, "title", info);
    const { search } = state;
    this.further.hidden = !search || search.left === 0 || search.isBusy;
    setText(this.further, search?.hasFailed ? "Try again" : "Search on");
    this.jump.hidden = atEnd;
    this.empty.hidden = state.shown > 0;
    setText(this.empty, emptyWords(state));
  }
}
