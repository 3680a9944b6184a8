/** Which rows of the tree are open, and how they are opened and closed. */
import { closedFor, type Goal } from "../../run/tree/open-to";
import { hiddenBy } from "../../run/tree/rows";
import type { RunStore } from "../../store";
import type { TreeNode } from "../../tree";
import { OpenMenu } from "./open-menu";

export class OpenRows {
  /** Always the same set. */
  readonly collapsed: ReadonlySet<string>;
  private readonly closed = new Set<string>();
  private readonly menu: OpenMenu;

  constructor(choose: (goal: Goal) => void) {
    this.collapsed = this.closed;
    this.menu = new OpenMenu(choose);
  }

  /** Another run: everything is open. */
  reset(): void {
    this.closed.clear();
    this.menu.show("all");
  }

  toggle(id: string): void {
    if (!this.closed.delete(id)) this.closed.add(id);
    this.menu.show(null);
  }

  openTo(goal: Goal, { tree, spans }: Pick<RunStore, "tree" | "spans">): void {
    this.closed.clear();
    for (const id of closedFor(goal, tree, spans)) this.closed.add(id);
    this.menu.show(goal);
  }

  /** The tops stay open: a single closed row would say nothing. */
  closeAll(rows: readonly TreeNode[]): void {
    for (const node of rows) if (node.parent && node.children.length > 0) this.closed.add(node.id);
    this.menu.show(null);
  }

  /** Opens what hides a span; true where something did. */
  openAbove(spanId: string, { tree }: Pick<RunStore, "tree">): boolean {
    const hiding = hiddenBy(tree, spanId, this.closed);
    for (const id of hiding) this.closed.delete(id);
    if (hiding.length > 0) this.menu.show(null);
    return hiding.length > 0;
  }
}
