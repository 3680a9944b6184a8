/** Which rows stay in sight above the others: those that the first row that can be read stands below. Pure. */
import type { TreeNode } from "../../tree";

/** Further ones would take the room of what is read. */
export const MOST_STICKY = 4;

/** Ancestors of the first row that is not covered, the outermost first; of many the outermost and the nearest. */
export function stickyRows(rows: readonly TreeNode[], scrollTopPx: number, rowPx: number): TreeNode[] {
  const top = scrollTopPx / rowPx;
  let shown: TreeNode[] = [];
  for (let covered = 0; covered <= MOST_STICKY; covered++) {
    shown = limited(pathTo(rows[Math.ceil(top) + covered]));
    if (shown.length <= covered) break;
  }
  return shown;
}

function limited(path: TreeNode[]): TreeNode[] {
  return path.length > MOST_STICKY ? [...path.slice(0, 1), ...path.slice(1 - MOST_STICKY)] : path;
}

function pathTo(node: TreeNode | undefined): TreeNode[] {
  const path: TreeNode[] = [];
  for (let at = node?.parent ?? null; at; at = at.parent) path.push(at);
  return path.reverse();
}
