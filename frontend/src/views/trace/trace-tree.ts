/** The trace tree with its waterfall: windowed rows, a time axis beside them, keyboard, bars that grow. */
import { byId, setText } from "../../browser/dom";
import { Kept } from "../../run/kept";
import { columnsOf } from "../../run/tree/columns";
import type { Goal } from "../../run/tree/open-to";
import { PARTS_UP_TO } from "../../run/tree/parts";
import { newestRow, visibleRows } from "../../run/tree/rows";
import type { RunStore } from "../../store";
import { isFolded } from "../../tree";
import type { RunShape } from "../run/run-shape";
import { Growth } from "../time/growth";
import { TimeAxis } from "../time/time-axis";
import { pinchZooms, wheelZooms } from "../time/time-input";
import type { TimePanel } from "../time/time-panel";
import { BarActions } from "./bar-actions";
import { Follow } from "./follow";
import { OpenRows } from "./open-rows";
import { RowPointer } from "./row-pointer";
import { RowSource } from "./row-source";
import { ShownRows } from "./shown-rows";
import { TreeInput } from "./tree-input";
import { summaryWords } from "./tree-words";

/** In steps that are hardly seen: each one is laid out and painted, and scrolling comes first. */
const GROW_MS = 80;

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
  private readonly summary = byId("trace-summary");
  private readonly panel: TimePanel;
  private readonly axis: TimeAxis;
  private readonly source: RowSource;
  private readonly shown: ShownRows;
  private readonly goes: Follow;
  private readonly opens: OpenRows;
  private readonly growth: Growth;
  private readonly pointer: RowPointer;
  private readonly actions: TraceTreeActions;
  private readonly columns = new Kept(() => columnsOf(this.store?.spans ?? new Map()));
  private store: RunStore | null = null;
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
    this.shown = new ShownRows(this.source, () => this.moreInSight());
    this.goes = new Follow(this.shown.viewport, () => this.turned());
    this.opens = new OpenRows((goal) => this.openTo(goal));
    this.source.collapsed = this.opens.collapsed;
    const growing = { isGrowing: () => this.shown.isGrowing(), grow: () => this.grow() };
    this.growth = new Growth(growing, GROW_MS);
    panel.addTool(this.goes.tool);
    const zooms = { time, changed: () => panel.changed() };
    wheelZooms(this.element, byId("trace-axis"), zooms);
    pinchZooms(this.shown.viewport, byId("trace-axis"), zooms);
    const bars = new BarActions(this.source, panel);
    const input = new TreeInput(this.shown, this.source, this.goes, {
      select: (id) => actions.select(id),
      toggle: (id) => this.toggle(id),
      unfold: (id) => actions.unfold(id),
      moved: () => this.shown.render(),
    });
    this.pointer = new RowPointer(byId("trace-stack"), {
      click: (hit) => input.click(hit),
      zoomInto: (id) => bars.zoomInto(id),
      over: (id, cell) => bars.explain(id, cell),
      wheel: (deltaPx) => {
        this.goes.stop();
        this.shown.viewport.scrollTop += deltaPx;
      },
    });
    byId("collapse-all").addEventListener("click", () => this.collapseAll());
    byId("expand-all").addEventListener("click", () => this.openTo("all"));
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
    this.source.selected = selected;
    this.wanted = selected;
    this.shown.cursor.reset(selected);
    this.drawnStructure = -1;
    this.drawnVersion = -1;
    this.goes.open(selected !== null);
    this.shown.clear();
    this.draw(false);
  }

  /** Brings the view up to date with the store. Cheap when nothing has changed. */
  draw(settled: boolean): void {
    const store = this.store;
    if (!store) return;
    const changed = store.version !== this.drawnVersion || settled !== this.source.isSettled;
    if (!changed) return;
    this.source.isSettled = settled;
    this.drawnVersion = store.version;
    this.goes.see(!settled);
    this.rescale();
    this.findPath();
    if (store.structure !== this.drawnStructure) {
      this.drawnStructure = store.structure;
      this.layout();
    } else this.shown.render();
    this.drawAxis();
    this.drawSummary();
    if (this.wanted && this.shown.indexOf(this.wanted) >= 0) {
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
    this.draw(this.source.isSettled);
    this.select(selected);
    if (selected) this.show(selected);
  }

  close(): void {
    this.panel.close(this);
    this.goes.see(false); // no other shape goes along
    this.growth.stop();
  }

  focus(): void {
    this.shown.viewport.focus();
  }

  /** Goes along with what is new, or stays. */
  follow(): boolean {
    const turned = this.goes.turn();
    if (turned) this.turned();
    return turned;
  }

  /** Now stays in sight, until the reader goes elsewhere in time. */
  follows(): boolean {
    if (this.panel.time.isAway) this.goes.stop();
    return this.goes.holdsNow;
  }

  private turned(): void {
    const { time } = this.panel;
    if (this.goes.holdsNow) time.bring(time.now(this.actions.now()));
    this.panel.changed();
    this.layout();
  }

  select(spanId: string | null): void {
    this.source.selected = spanId;
    // Someone who reads a span's details keeps their place.
    if (spanId) {
      this.goes.stop();
      this.shown.moveCursor(spanId);
    }
    this.shown.render();
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
    this.shown.moveCursor(spanId);
    const index = this.shown.indexOf(spanId);
    if (index >= 0) this.shown.center(index);
    this.shown.render();
  }

  retimed(): void {
    this.findPath();
    this.shown.render();
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
    this.opens.closeAll(this.shown.all);
    this.layout();
  }

  /** Rebuilds the rows. What is looked at stays where it is, or what is new is brought into sight. */
  private layout(): void {
    const { store, shown } = this;
    if (!store) return;
    const top = shown.look();
    const rows = visibleRows(store.tree, this.opens.collapsed);
    // The row below it leaves a margin.
    const newest = this.goes.moves ? Math.min(rows.length - 1, newestRow(store.tree, rows) + 1) : null;
    shown.replace(rows, [this.pointer.hovered, this.source.selected, shown.cursor.shown], newest);
    shown.drawSticky();
    if (top > 0) this.moreInSight();
  }

  private findPath(): void {
    this.source.path = this.panel.criticalPath();
    this.element.toggleAttribute("data-critical", this.source.path !== null);
  }

  /** True where bars stand elsewhere now. */
  private rescale(): boolean {
    const { store } = this;
    return store !== null && this.panel.update(!this.source.isSettled || store.running.size > 0);
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

  private grow(): void {
    if (this.rescale()) {
      this.shown.render();
      this.drawAxis();
      return;
    }
    this.shown.grow();
  }

  /** Who scrolls to where the children of a span go on gets the next ones. */
  private moreInSight(): void {
    const { store } = this;
    if (!store?.whole || store.spans.size > PARTS_UP_TO) return;
    for (const { foldOf } of this.shown.inSight())
      if (foldOf !== undefined && store.folded.get(foldOf)?.after) this.actions.unfold(foldOf);
  }
}
