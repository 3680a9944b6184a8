/** Where a key leads in the rows of a tree. Pure. */
import { rowIndex } from "../../run/tree/rows";
import type { TreeNode } from "../../tree";

export interface Place {
  readonly rows: readonly TreeNode[];
  /** -1: nowhere yet. */
  readonly at: number;
  readonly isOpen: boolean;
  /** Rows that are seen at once. */
  readonly page: number;
}

/** To a row, to open or close the one it stands on, or to do something with it; null: the key means nothing here. */
export type Move = { to: number } | { toggle: string } | "choose" | "leave" | "stay" | null;

export function moveFor(key: string, { rows, at, isOpen, page }: Place): Move {
  const node = rows[at];
  const isParent = node !== undefined && node.children.length > 0;
  switch (key) {
    case "ArrowDown":
      return { to: at + 1 };
    case "ArrowUp":
      return { to: at < 0 ? 0 : at - 1 };
    case "PageDown":
      return { to: at + page };
    case "PageUp":
      return { to: at - page };
    case "Home":
      return { to: 0 };
    case "End":
      return { to: rows.length - 1 };
    case "ArrowRight":
      if (!isParent) return "stay";
      return isOpen ? { to: at + 1 } : { toggle: node.id };
    case "ArrowLeft":
      if (isParent && isOpen) return { toggle: node.id };
      return node?.parent ? { to: rowIndex(rows, node.parent.id, at) } : "stay";
    case "Enter":
    case " ":
      return "choose";
    case "Escape":
      return "leave";
    default:
      return null;
  }
}
