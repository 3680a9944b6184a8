/** Where the arrow keys lead in a flame graph. Pure. */
import { beyond, type FlameLayout, type Frame } from "../../run/time/flame";
import type { RunStore } from "../../store";

/** The frame that a key leads to; undefined where it leads nowhere. */
export function frameFor(
  key: string,
  at: Frame | undefined,
  layout: FlameLayout,
  store: Pick<RunStore, "tree" | "whole">,
): Frame | undefined {
  if (key === "Home" || (!at && key.startsWith("Arrow")))
    return layout.rows.find((row) => row.length > 0)?.[0];
  if (!at) return undefined;
  if (key === "ArrowRight") return layout.beside(at, 1);
  if (key === "ArrowLeft") return layout.beside(at, -1);
  if (key !== "ArrowUp" && key !== "ArrowDown") return undefined;
  // Of a run that is here in parts nobody knows here what stands below what.
  if (store.whole) return beyond(layout, at, key === "ArrowDown" ? 1 : -1);
  const node = store.tree.get(at.id);
  const to = key === "ArrowUp" ? node?.parent : node?.children[0];
  return to ? layout.get(to.id) : undefined;
}
