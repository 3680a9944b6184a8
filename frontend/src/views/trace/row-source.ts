/** What the rows of a tree ask for. */
import { type Chain, rowChain } from "../../run/fallback-chain";
import type { CriticalPath } from "../../run/time/critical-path";
import type { TimeWindow } from "../../run/time/time-scale";
import type { Folded, SpanState } from "../../service/wire";
import type { RunStore } from "../../store";
import type { TreeNode } from "../../tree";
import type { TimePanel } from "../time/time-panel";
import type { RowContext } from "./trace-row";

const NO_PARTS: readonly TimeWindow[] = [];

export class RowSource implements RowContext {
  collapsed: ReadonlySet<string> = new Set();
  selected: string | null = null;
  cursorId: string | null = null;
  isSettled = false;
  store: RunStore | null = null;
  path: CriticalPath | null = null;
  private readonly panel: TimePanel;
  private readonly clock: () => number;

  constructor(panel: TimePanel, clock: () => number) {
    this.panel = panel;
    this.clock = clock;
  }

  get revision(): number {
    return this.panel.time.revision;
  }

  span(id: string): SpanState | undefined {
    return this.store?.spans.get(id);
  }

  folded(id: string): Folded | undefined {
    return this.store?.folded.get(id);
  }

  reason(id: string): string | undefined {
    return this.store?.reasons.get(id);
  }

  chain(node: TreeNode): Chain | null {
    return this.store && rowChain(this.store, node);
  }

  now(): number {
    return this.panel.time.now(this.clock());
  }

  startOf(span: SpanState): number {
    return this.panel.time.startOf(span);
  }

  endOf(span: SpanState): number {
    return this.panel.time.endOf(span, this.clock());
  }

  share(at: number): number {
    return this.panel.time.share(at);
  }

  critical(id: string): readonly TimeWindow[] {
    return this.path?.get(id) ?? NO_PARTS;
  }
}
