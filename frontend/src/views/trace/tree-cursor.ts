/** The row that the keyboard is at. The focus stays on the tree, which names the row. */
import { rowIndex } from "../../run/tree/rows";
import type { TreeNode } from "../../tree";

export class TreeCursor {
  id: string | null = null;
  private readonly tree: HTMLElement;
  private at = 0;

  constructor(tree: HTMLElement) {
    this.tree = tree;
    // Its frame is for the keyboard; after a click the selected row says enough.
    tree.addEventListener("keydown", () => {
      tree.dataset.keys = "";
    });
    tree.addEventListener("pointerdown", () => {
      delete tree.dataset.keys;
    });
  }

  /** The row, while the keyboard is in the tree. */
  get shown(): string | null {
    return document.activeElement === this.tree ? this.id : null;
  }

  /** Another run. */
  reset(id: string | null): void {
    this.id = id;
    this.at = 0;
  }

  /** The row of a span, searched from where the cursor is; -1 where it is not visible. */
  indexOf(id: string | null, rows: readonly TreeNode[]): number {
    return id === null ? -1 : rowIndex(rows, id, this.at);
  }

  move(id: string, rows: readonly TreeNode[]): void {
    this.id = id;
    const index = this.indexOf(id, rows);
    if (index < 0) return;
    this.at = index;
    this.tree.setAttribute("aria-activedescendant", `span-${id}`);
  }
}
