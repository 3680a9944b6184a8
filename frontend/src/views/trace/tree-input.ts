/** Keys and clicks in the rows of the tree: which row is meant, and what is to be done with it. */
import { isFolded } from "../../tree";
import type { Follow } from "./follow";
import type { Hit } from "./row-pointer";
import type { RowSource } from "./row-source";
import type { ShownRows } from "./shown-rows";
import { moveFor } from "./tree-move";

export interface TreeInputActions {
  /** The user chose a span, or none. */
  select(spanId: string | null): void;
  /** Opens or closes a row. */
  toggle(id: string): void;
  /** Brings more of what is not here of a large run. */
  unfold(parentId: string): void;
  /** The keyboard is at another row, or came, or went. */
  moved(): void;
}

export class TreeInput {
  private readonly shown: ShownRows;
  private readonly source: RowSource;
  private readonly follow: Follow;
  private readonly actions: TreeInputActions;

  constructor(shown: ShownRows, source: RowSource, follow: Follow, actions: TreeInputActions) {
    this.shown = shown;
    this.source = source;
    this.follow = follow;
    this.actions = actions;
    const { viewport } = shown;
    viewport.addEventListener("keydown", (event) => this.onKey(event));
    for (const change of ["focus", "blur"]) viewport.addEventListener(change, () => actions.moved());
  }

  click({ id, twisty, isCopy }: Hit): void {
    if (!id) return;
    const { shown, actions } = this;
    shown.moveCursor(id);
    const foldOf = this.source.store?.tree.get(id)?.foldOf;
    if (foldOf !== undefined) actions.unfold(foldOf);
    else if (twisty) actions.toggle(id);
    else if (this.source.span(id)) actions.select(id);
    // A copy at the top leads to the row itself.
    if (isCopy) shown.reveal(shown.indexOf(id), 0);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const { shown, source, actions } = this;
    const { all: rows, page } = shown;
    const at = shown.indexOf(shown.cursor.id);
    const node = rows[at];
    const isOpen = node !== undefined && !source.collapsed.has(node.id) && !isFolded(node);
    const move = moveFor(event.key, { rows, at, isOpen, page });
    // Esc without a span that is chosen may end something else.
    if (move === null || (move === "leave" && !source.selected)) return;
    event.preventDefault();
    if (move === "leave") actions.select(null);
    else if (move === "choose") {
      if (node?.foldOf !== undefined) actions.unfold(node.foldOf);
      else if (node && source.span(node.id)) actions.select(node.id);
    } else if (move !== "stay") {
      if ("toggle" in move) actions.toggle(move.toggle);
      else this.goTo(move.to);
    }
  }

  private goTo(to: number): void {
    const { shown, source, actions } = this;
    const index = Math.min(shown.all.length - 1, Math.max(0, to));
    const target = shown.all[index];
    if (!target) return;
    this.follow.stop();
    shown.moveCursor(target.id);
    shown.reveal(index);
    actions.moved();
    // With the details open, they follow the cursor: reading along with the arrow keys.
    if (source.selected && source.span(target.id)) actions.select(target.id);
  }
}
