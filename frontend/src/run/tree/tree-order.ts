/** The place of every span in the whole tree, as if all of it were open. Pure. */
import type { TraceTree } from "../../tree";

/** What tells the places; it holds as long as the tree does not change. */
export function treeOrder(tree: TraceTree): { get(id: string): number | undefined } {
  tree.rows();
  return {
    get(id) {
      const at = tree.get(id)?.at ?? -1;
      return at < 0 ? undefined : at;
    },
  };
}
