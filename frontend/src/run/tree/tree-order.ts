/** The place of every span in the whole tree, as if all of it were open. Pure. */
import type { TraceTree } from "../../tree";
import { visibleRows } from "./rows";

const NOTHING: ReadonlySet<string> = new Set();
const made = new WeakMap<
  TraceTree,
  { structure: number; size: number; order: ReadonlyMap<string, number> }
>();

/** Made again only when the structure has changed. */
export function treeOrder(tree: TraceTree, structure: number): ReadonlyMap<string, number> {
  const held = made.get(tree);
  if (held && held.structure === structure && held.size === tree.size) return held.order;
  const order = new Map<string, number>();
  for (const node of visibleRows(tree, NOTHING)) order.set(node.id, order.size);
  made.set(tree, { structure, size: tree.size, order });
  return order;
}
