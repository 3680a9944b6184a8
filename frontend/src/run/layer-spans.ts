/** The spans of a run's layers: a layer begins with its first span and ends with its last. Reads the store, no DOM. */
import type { RunStore } from "../store";
import type { TreeNode } from "../tree";

export interface LayerSpan {
  /** The first of its spans. */
  readonly spanId: string;
  /** µs */
  readonly start: number | undefined;
  /** µs; undefined while one of its spans runs. */
  readonly end: number | undefined;
  /** nano-USD of everything below */
  readonly nano: number;
}

/** Layers stand near the root; a run of a million spans is not looked through for them. */
const MOST_NODES = 2_000;
const MOST_LEVELS = 4;

export class LayerSpans {
  private store: RunStore | null = null;
  private structure = -1;
  private ids: { layer: string; id: string }[] = [];

  of(store: RunStore): ReadonlyMap<string, LayerSpan> {
    if (store !== this.store || store.structure !== this.structure) {
      this.store = store;
      this.structure = store.structure;
      this.ids = find(store);
    }
    const found = new Map<string, LayerSpan>();
    for (const { layer, id } of this.ids) {
      const span = store.spans.get(id);
      const node = store.tree.get(id);
      if (!span || !node) continue;
      const before = found.get(layer);
      const end = typeof span.end === "number" ? span.end : undefined;
      found.set(layer, {
        spanId: before?.spanId ?? id,
        start: before?.start ?? span.start,
        end:
          end === undefined || (before && before.end === undefined)
            ? undefined
            : Math.max(end, before?.end ?? end),
        nano: (before?.nano ?? 0) + node.total.cost,
      });
    }
    return found;
  }
}

function find({ tree, spans }: RunStore): { layer: string; id: string }[] {
  const found: { layer: string; id: string }[] = [];
  const queue: { node: TreeNode; level: number }[] = tree.roots
    .slice(0, MOST_NODES)
    .map((node) => ({ node, level: 0 }));
  for (let at = 0; at < queue.length && at < MOST_NODES; at++) {
    const { node, level } = queue[at] as { node: TreeNode; level: number };
    const span = spans.get(node.id);
    if (span?.kind === "layer") {
      const layer = span.layer ?? span.name;
      if (layer) found.push({ layer, id: node.id });
      continue; // a layer within a layer counts in that one
    }
    if (level >= MOST_LEVELS) continue;
    const room = MOST_NODES - queue.length;
    for (const child of node.children.slice(0, room)) queue.push({ node: child, level: level + 1 });
  }
  return found;
}
