/** The trace tree with its waterfall: windowed rows, a time axis beside them, keyboard, bars that grow. */
import { byId, setText } from "../../browser/dom";
import { Kept } from "../../run/kept";
import { columnsOf } from "../../run/tree/columns";
import type { Goal } from "../../run/tree/open-to";
import { PARTS_UP_TO } from "../../run/tree/parts";
import { anchorRow, newestRow, rowIndex, visibleRows } from "../../run/tree/rows";
import type { RunStore } from "../../store";
import { isFolded, type TreeNode } from "../../tree";
import type { RunShape } from "../run/run-shape";
import { TimeAxis } from "../time/time-axis";
import { pinchZooms, wheelZooms } from "../time/time-input";
import type { TimePanel } from "../time/time-panel";
import { WindowedList } from "../windowed";
import { BarActions } from "./bar-actions";
import { Follow } from "./follow";
import { Growth } from "./growth";
import { OpenRows } from "./open-rows";
import { type Hit, RowPointer } from "./row-pointer";
import { RowSource } from "./row-source";
import { StickyRows } from "./sticky-rows";
import { TraceRow } from "./trace-row";
import { TreeCursor } from "./tree-cursor";
import { moveFor } from "./tree-move";
import { summaryWords } from "./tree-words";

export const ROW_HEIGHT = 30;

export interface TraceTreeActions {
  /** The user chose a span (Enter, click), or none (Esc). */
  select(spanId: string | null): void;
  /** The service's clock, microseconds. */
  now(): number;
  /** Brings more of what is not here of a large run: below a span ("": below none). */
  unfold(parentId: string): void;
  /** Brings a span of a large run that is not here. */
  reach(spanId: string): void;
}

export class TraceTreeView implements RunShape {
  readonly view = "timeline";
  readonly title = "Timeline";
  readonly icon = "timeline";
  readonly element = byId("trace");
  readonly tools: HTMLElement;
  private readonly viewport = byId("trace-viewport");
  private readonly summary = byId("trace-summary");
  private readonly panel: TimePanel;
  private readonly axis: TimeAxis;
  private readonly source: RowSource;
  private readonly list: WindowedList<TreeNode>;
  private readonly sticky: StickyRows;
  private readonly goes: Follow;
  private readonly opens: OpenRows;
  private readonly growth: Growth;
  private readonly pointer: RowPointer;
  private readonly cursor = new TreeCursor(this.viewport);
  private readonly actions: TraceTreeActions;
  private readonly columns = new Kept(() => columnsOf(this.store?.spans ?? new Map()));
  private store: RunStore | null = null;
  private selected: string | null = null;
  private rows: readonly TreeNode[] = [];
  private settled = false;
  private drawnStructure = -1;
  private drawnVersion = -1;
  /** A span of the address that has not arrived yet. */
  private wanted: string | null = null;
  /** It was asked for, where only a part of the run is here. */
  private reached: string | null = null;

  constructor(actions: TraceTreeActions, panel: TimePanel) {
    this.actions = actions;
    this.panel = panel;
    this.tools = panel.tools;
    this.source = new RowSource(panel, () => actions.now());
    const { time } = panel;
    this.axis = new TimeAxis(time, () => panel.changed());
    this.sticky = new StickyRows(this.source);
    this.list = new WindowedList<TreeNode>({
      viewport: this.viewport,
      canvas: byId("trace-rows"),
      rowHeight: ROW_HEIGHT,
      key: (node) => node.id,
      create: () => new TraceRow(this.source),
      onScroll: () => {
        this.scrollSticky();
        this.moreInSight();
      },
      onResize: () => this.scrollSticky(),
    });
    this.goes = new Follow(this.viewport, () => this.layout());
    this.opens = new OpenRows((goal) => this.openTo(goal));
    this.source.collapsed = this.opens.collapsed;
    this.growth = new Growth({
      isGrowing: () => this.sticky.isGrowing || this.runningRows().next().done !== true,
      grow: () => this.grow(),
    });
    panel.addTool(this.goes.tool);
    const input = { time, changed: () => panel.changed() };
    wheelZooms(this.element, byId("trace-axis"), input);
    pinchZooms(this.viewport, byId("trace-axis"), input);
    const bars = new BarActions(this.source, panel);
    this.pointer = new RowPointer(byId("trace-stack"), {
      click: (hit) => this.onClick(hit),
      zoomInto: (id) => bars.zoomInto(id),
      over: (id, cell) => bars.explain(id, cell),
      wheel: (deltaPx) => {
        this.goes.stop();
        this.viewport.scrollTop += deltaPx;
      },
    });
    this.listen();
  }

  open(store: RunStore, selected: string | null): void {
    this.panel.open(store, this);
    if (store === this.store) {
      this.resume(selected);
      return;
    }
    this.store = store;
    this.source.store = store;
    this.columns.forget();
    this.opens.reset();
    this.selected = selected;
    this.wanted = selected;
    this.cursor.reset(selected);
    this.drawnStructure = -1;
    this.drawnVersion = -1;
    this.rows = [];
    this.goes.open(selected !== null);
    this.list.setItems([], 0);
    this.draw(false);
  }

  /** Brings the view up to date with the store. Cheap when nothing has changed. */
  draw(settled: boolean): void {
    const store = this.store;
    if (!store) return;
    const changed = store.version !== this.drawnVersion || settled !== this.settled;
    if (!changed) return;
    this.settled = settled;
    this.drawnVersion = store.version;
    this.goes.see(!settled);
    this.rescale();
    this.findPath();
    if (store.structure !== this.drawnStructure) {
      this.drawnStructure = store.structure;
      this.layout();
    } else this.render();
    this.drawAxis();
    this.drawSummary();
    if (this.wanted && this.indexOf(this.wanted) >= 0) {
      const id = this.wanted;
      this.wanted = null;
      this.show(id);
    } else if (this.wanted && store.whole && this.wanted !== this.reached) {
      this.reached = this.wanted;
      this.actions.reach(this.wanted);
    }
    this.growth.start();
  }

  /** The same run again, after another shape of it: what was opened and closed stays so. */
  private resume(selected: string | null): void {
    this.drawnVersion = -1;
    this.draw(this.settled);
    this.select(selected);
    if (selected) this.show(selected);
  }

  close(): void {
    this.panel.close(this);
    this.growth.stop();
  }

  focus(): void {
    this.viewport.focus();
  }

  /** Goes along with what is new, or stays. */
  follow(): boolean {
    const turned = this.goes.turn();
    if (turned) this.layout();
    return turned;
  }

  select(spanId: string | null): void {
    this.selected = spanId;
    // Someone who reads a span's details keeps their place.
    if (spanId) {
      this.goes.stop();
      this.moveCursor(spanId);
    }
    this.render();
  }

  /** Opens what hides a span and brings it into sight. */
  show(spanId: string): void {
    const store = this.store;
    if (!store?.tree.get(spanId)) {
      this.wanted = spanId;
      this.actions.reach(spanId);
      return;
    }
    if (this.opens.openAbove(spanId, store)) this.layout();
    this.moveCursor(spanId);
    const index = this.indexOf(spanId);
    if (index >= 0) this.list.center(index, this.sticky.height);
    this.render();
  }

  retimed(): void {
    this.findPath();
    this.render();
    this.drawAxis();
  }

  private toggle(id: string): void {
    const node = this.store?.tree.get(id);
    if (node && isFolded(node)) this.actions.unfold(id);
    else this.opens.toggle(id);
    this.layout();
  }

  private openTo(goal: Goal): void {
    if (!this.store) return;
    this.opens.openTo(goal, this.store);
    this.layout();
  }

  private collapseAll(): void {
    this.opens.closeAll(this.rows);
    this.layout();
  }

  /** Rebuilds the rows. What is looked at stays where it is, or what is new is brought into sight. */
  private layout(): void {
    const store = this.store;
    if (!store) return;
    this.list.look();
    const { scrollTop: top } = this.list;
    const anchorAt = this.anchorIndex();
    const anchor = this.rows[anchorAt];
    this.rows = visibleRows(store.tree, this.opens.collapsed);
    const index = anchor ? rowIndex(this.rows, anchor.id, anchorAt) : -1;
    const kept = index >= 0 ? top + (index - anchorAt) * ROW_HEIGHT : top;
    // The row below it leaves a margin.
    const newest = () => Math.min(this.rows.length - 1, newestRow(store.tree, this.rows) + 1);
    this.list.setItems(
      this.rows,
      this.goes.moves ? this.list.topFor(newest(), this.sticky.height, kept) : kept,
    );
    this.viewport.setAttribute("aria-rowcount", String(this.rows.length));
    this.drawSticky();
    if (top > 0) this.moreInSight();
  }

  /** What the pointer is over, what is read and where the keyboard's cursor is stay where they are. */
  private anchorIndex(): number {
    const { scrollTop, viewHeight } = this.list;
    const sight = { top: scrollTop, height: viewHeight, row: ROW_HEIGHT };
    return anchorRow(this.rows, [this.pointer.hovered, this.selected, this.cursor.shown], sight);
  }

  private render(): void {
    const { source } = this;
    source.selected = this.selected;
    source.cursorId = this.cursor.shown;
    source.isSettled = this.settled;
    this.list.render();
    this.drawSticky();
  }

  private drawSticky(): void {
    this.scrollSticky();
    this.sticky.draw();
  }

  private scrollSticky(): void {
    this.sticky.scroll(this.rows, this.list.scrollTop, this.list.viewHeight, ROW_HEIGHT);
  }

  private findPath(): void {
    this.source.path = this.panel.criticalPath();
    this.element.toggleAttribute("data-critical", this.source.path !== null);
  }

  /** True where bars stand elsewhere now. */
  private rescale(): boolean {
    const { store } = this;
    return store !== null && this.panel.update(!this.settled || store.running.size > 0);
  }

  private drawAxis(): void {
    this.axis.show(this.store?.start !== undefined);
    this.panel.draw();
  }

  private drawSummary(): void {
    const store = this.store;
    if (!store) return;
    const { tokens, cost } = this.columns.get(`${store.epoch}`, store.version);
    this.element.toggleAttribute("data-no-tokens", !tokens);
    this.element.toggleAttribute("data-no-cost", !cost);
    setText(this.summary, summaryWords(store));
  }

  private *runningRows(): Generator<TraceRow> {
    for (const row of this.list.rows()) if (row instanceof TraceRow && row.running) yield row;
  }

  private grow(): void {
    if (this.rescale()) {
      this.render();
      this.drawAxis();
      return;
    }
    for (const row of this.runningRows()) row.grow();
    this.sticky.grow();
  }

  /** Who scrolls to where the children of a span go on gets the next ones. */
  private moreInSight(): void {
    const { store } = this;
    if (!store?.whole || store.spans.size > PARTS_UP_TO) return;
    const first = Math.floor(this.list.scrollTop / ROW_HEIGHT);
    for (const { foldOf } of this.rows.slice(first, first + this.list.pageRows + 2))
      if (foldOf !== undefined && store.folded.get(foldOf)?.after) this.actions.unfold(foldOf);
  }

  private indexOf(id: string): number {
    return this.cursor.indexOf(id, this.rows);
  }

  private moveCursor(id: string): void {
    this.cursor.move(id, this.rows);
  }

  private listen(): void {
    const { viewport } = this;
    viewport.addEventListener("keydown", (event) => this.onKey(event));
    for (const change of ["focus", "blur"]) viewport.addEventListener(change, () => this.render());
    byId("collapse-all").addEventListener("click", () => this.collapseAll());
    byId("expand-all").addEventListener("click", () => this.openTo("all"));
  }

  private onClick({ id, twisty, isCopy }: Hit): void {
    if (!id) return;
    this.moveCursor(id);
    const foldOf = this.store?.tree.get(id)?.foldOf;
    if (foldOf !== undefined) this.actions.unfold(foldOf);
    else if (twisty) this.toggle(id);
    else if (this.store?.spans.has(id)) this.actions.select(id);
    // A copy at the top leads to the row itself.
    if (isCopy) this.list.reveal(this.indexOf(id), 0);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.cursor.indexOf(this.cursor.id, this.rows);
    const node = this.rows[at];
    const isOpen = node !== undefined && !this.opens.collapsed.has(node.id) && !isFolded(node);
    const move = moveFor(event.key, { rows: this.rows, at, isOpen, page: this.list.pageRows });
    // Esc without a span that is chosen may end something else.
    if (move === null || (move === "leave" && !this.selected)) return;
    event.preventDefault();
    if (move === "leave") this.actions.select(null);
    else if (move === "choose") {
      if (node?.foldOf !== undefined) this.actions.unfold(node.foldOf);
      else if (node && this.store?.spans.has(node.id)) this.actions.select(node.id);
    } else if (move !== "stay") {
      if ("toggle" in move) this.toggle(move.toggle);
      else this.goTo(move.to);
    }
  }

  private goTo(to: number): void {
    const index = Math.min(this.rows.length - 1, Math.max(0, to));
    const target = this.rows[index];
    if (!target) return;
    this.goes.stop();
    this.moveCursor(target.id);
    this.list.reveal(index, this.sticky.height);
    this.render();
    // With the details open, they follow the cursor: reading along with the arrow keys.
    if (this.selected && this.store?.spans.has(target.id)) this.actions.select(target.id);
  }
}
