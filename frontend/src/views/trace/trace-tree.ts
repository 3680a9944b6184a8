/** The trace tree with its waterfall: windowed rows, a time axis beside them, keyboard, bars that grow. */
import { byId, setAttr, setText } from "../../browser/dom";
import type { CriticalPath } from "../../run/critical-path";
import { PARTS_UP_TO } from "../../run/parts";
import { hiddenBy, rowIndex, visibleRows } from "../../run/rows";
import type { TimeWindow } from "../../run/time-scale";
import type { SpanState } from "../../service/wire";
import type { RunStore } from "../../store";
import * as format from "../../text/format";
import { lengthWords } from "../../text/span-words";
import { isFolded, type TreeNode } from "../../tree";
import type { RunShape } from "../run/run-shape";
import { WindowedList } from "../windowed";
import { TimeAxis } from "./time-axis";
import { pinchZooms, wheelZooms } from "./time-input";
import type { TimePanel } from "./time-panel";
import { TraceRow } from "./trace-row";

export const ROW_HEIGHT = 30;

const NO_PARTS: readonly TimeWindow[] = [];

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
  readonly collapsed = new Set<string>();
  selected: string | null = null;
  readonly tools: HTMLElement;
  private readonly viewport = byId("trace-viewport");
  private readonly panel: TimePanel;
  private readonly axis: TimeAxis;
  private readonly summary = byId("trace-summary");
  private readonly list: WindowedList<TreeNode>;
  private readonly actions: TraceTreeActions;
  private readonly calm = matchMedia("(prefers-reduced-motion: reduce)");
  private path: CriticalPath | null = null;
  private store: RunStore | null = null;
  private rows: TreeNode[] = [];
  private cursor: string | null = null;
  private cursorAt = 0;
  private settled = false;
  private drawnStructure = -1;
  private drawnVersion = -1;
  private frame = 0;
  private lastCalmTick = 0;
  /** A span of the address that has not arrived yet. */
  private wanted: string | null = null;
  /** It was asked for, where only a part of the run is here. */
  private reached: string | null = null;
  private pressed: Hit | null = null;

  constructor(actions: TraceTreeActions, panel: TimePanel) {
    this.actions = actions;
    this.panel = panel;
    this.tools = panel.tools;
    const { time } = panel;
    this.axis = new TimeAxis(time, () => panel.changed());
    const input = { time, changed: () => panel.changed() };
    wheelZooms(this.element, byId("trace-axis"), input);
    pinchZooms(this.viewport, byId("trace-axis"), input);
    this.list = new WindowedList<TreeNode>({
      viewport: this.viewport,
      canvas: byId("trace-rows"),
      rowHeight: ROW_HEIGHT,
      key: (node) => node.id,
      create: () => new TraceRow(this),
      onScroll: () => this.moreInSight(),
    });
    // The cursor's frame is for the keyboard; after a click the selected row says enough.
    this.viewport.addEventListener("keydown", (event) => {
      this.viewport.dataset.keys = "";
      this.onKey(event);
    });
    this.viewport.addEventListener("pointerdown", (event) => {
      delete this.viewport.dataset.keys;
      this.pressed = hit(event.target);
    });
    this.viewport.addEventListener("focus", () => this.list.render());
    this.viewport.addEventListener("blur", () => this.list.render());
    this.viewport.addEventListener("click", (event) => this.onClick(event));
    this.viewport.addEventListener("pointerover", (event) => this.explain(event));
    this.viewport.addEventListener("dblclick", (event) => this.onDoubleClick(event));
    byId("collapse-all").addEventListener("click", () => this.collapseAll());
    byId("expand-all").addEventListener("click", () => this.expandAll());
  }

  open(store: RunStore, selected: string | null): void {
    this.panel.open(store, this);
    if (store === this.store) {
      this.resume(selected);
      return;
    }
    this.store = store;
    this.collapsed.clear();
    this.selected = selected;
    this.wanted = selected;
    this.cursor = selected;
    this.cursorAt = 0;
    this.drawnStructure = -1;
    this.drawnVersion = -1;
    this.rows = [];
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
    this.rescale();
    this.findPath();
    if (store.structure !== this.drawnStructure) {
      this.drawnStructure = store.structure;
      this.layout();
    } else this.list.render();
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
    this.animate();
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
    cancelAnimationFrame(this.frame);
    this.frame = 0;
  }

  focus(): void {
    this.viewport.focus();
  }

  select(spanId: string | null): void {
    this.selected = spanId;
    if (spanId) this.moveCursor(spanId);
    this.list.render();
  }

  /** Opens what hides a span and brings it into sight. */
  show(spanId: string): void {
    const store = this.store;
    if (!store?.tree.get(spanId)) {
      this.wanted = spanId;
      this.actions.reach(spanId);
      return;
    }
    const hiding = hiddenBy(store.tree, spanId, this.collapsed);
    if (hiding.length > 0) {
      for (const id of hiding) this.collapsed.delete(id);
      this.layout();
    }
    this.moveCursor(spanId);
    const index = this.indexOf(spanId);
    if (index >= 0) this.list.center(index);
    this.list.render();
  }

  // What a row asks for.
  span(id: string) {
    return this.store?.spans.get(id);
  }

  folded(id: string) {
    return this.store?.folded.get(id);
  }

  reason(id: string) {
    return this.store?.reasons.get(id);
  }

  get cursorId(): string | null {
    return document.activeElement === this.viewport ? this.cursor : null;
  }

  get isSettled(): boolean {
    return this.settled;
  }

  now(): number {
    return this.panel.time.now(this.actions.now());
  }

  startOf(span: SpanState): number {
    return this.panel.time.startOf(span);
  }

  endOf(span: SpanState): number {
    return this.panel.time.endOf(span, this.actions.now());
  }

  share(at: number): number {
    return this.panel.time.share(at);
  }

  critical(id: string): readonly TimeWindow[] {
    return this.path?.get(id) ?? NO_PARTS;
  }

  toggle(id: string): void {
    const node = this.store?.tree.get(id);
    if (node && isFolded(node)) this.actions.unfold(id);
    else if (!this.collapsed.delete(id)) this.collapsed.add(id);
    this.layout();
  }

  private collapseAll(): void {
    // The tops stay open: a single closed row would say nothing.
    for (const node of this.rows) if (node.parent && node.children.length > 0) this.collapsed.add(node.id);
    this.layout();
  }

  private expandAll(): void {
    this.collapsed.clear();
    this.layout();
  }

  /** Rebuilds the rows; what is at the top of the view stays there, the end is followed only from the end. */
  private layout(): void {
    const store = this.store;
    if (!store) return;
    const grows = this.rows.length > 0;
    // Someone who reads a span's details keeps their place, at the end too.
    const { scrollTop: top, viewHeight } = this.list;
    const follow = grows && !this.settled && !this.selected && this.list.atEnd && top > 0;
    const topIndex = Math.floor(top / ROW_HEIGHT);
    const anchor = this.rows[topIndex];
    const before = this.rows.length;
    this.rows = visibleRows(store.tree, this.collapsed);
    let scrollTop: number | undefined;
    const overflowsNow = before * ROW_HEIGHT <= viewHeight && grows && !this.settled && !this.selected;
    if (follow || (overflowsNow && this.rows.length * ROW_HEIGHT > viewHeight)) {
      scrollTop = this.rows.length * ROW_HEIGHT;
    } else if (anchor && top > 0) {
      const index = rowIndex(this.rows, anchor.id, topIndex);
      if (index >= 0) scrollTop = top + (index - topIndex) * ROW_HEIGHT;
    }
    this.list.setItems(this.rows, scrollTop);
    this.viewport.setAttribute("aria-rowcount", String(this.rows.length));
  }

  retimed(): void {
    this.findPath();
    this.list.render();
    this.drawAxis();
  }

  private findPath(): void {
    this.path = this.panel.criticalPath();
    this.element.toggleAttribute("data-critical", this.path !== null);
  }

  /** Over a bar or a duration its figures are told. */
  private explain(event: PointerEvent): void {
    const target = event.target instanceof Element ? event.target.closest(".cell-bar, .cell-duration") : null;
    const id = target && hit(target).id;
    const span = id ? this.span(id) : undefined;
    if (!target || !id || !span) return;
    const start = this.store?.start === undefined ? 0 : this.panel.time.bounds.from;
    const self = this.panel.selfTimeUs(id);
    const lines = [
      `${format.offset(this.startOf(span) - start)} after the start of the run`,
      lengthWords(this.endOf(span) - this.startOf(span)),
      self === undefined ? "" : `self time ${format.duration(self)}`,
    ];
    setAttr(target, "title", lines.filter(Boolean).join("\n"));
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
    const running = store.runningCount;
    const parts = [format.plural(store.spanCount, "span")];
    if (running > 0) parts.push(`${format.count(running)} running`);
    if (store.whole) parts.push(`${format.count(store.spans.size)} here`);
    setText(this.summary, parts.join(" · "));
  }

  /** Runs only while a row in sight is running, and stops by itself. */
  private animate(): void {
    if (this.frame !== 0) return;
    const step = (time: number) => {
      this.frame = 0;
      if (this.tick(time)) this.frame = requestAnimationFrame(step);
    };
    this.frame = requestAnimationFrame(step);
  }

  private tick(time: number): boolean {
    let running = false;
    for (const row of this.list.rows()) if (row instanceof TraceRow && row.running) running = true;
    if (!running) return false;
    // With reduced motion the bars are brought up to date once a second instead of growing smoothly.
    if (this.calm.matches && time - this.lastCalmTick < 1_000) return true;
    this.lastCalmTick = time;
    if (this.rescale()) {
      this.list.render();
      this.drawAxis();
    } else {
      for (const row of this.list.rows()) if (row instanceof TraceRow && row.running) row.grow();
    }
    return true;
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
    return rowIndex(this.rows, id, this.cursorAt);
  }

  private moveCursor(id: string): void {
    this.cursor = id;
    const index = this.indexOf(id);
    if (index < 0) return;
    this.cursorAt = index;
    this.viewport.setAttribute("aria-activedescendant", `span-${id}`);
  }

  private onClick(event: MouseEvent): void {
    // Rows move while spans come: what counts is the row that was under the pointer when it went down.
    const { id, twisty } = this.pressed ?? hit(event.target);
    this.pressed = null;
    if (!id) return;
    this.moveCursor(id);
    const foldOf = this.store?.tree.get(id)?.foldOf;
    if (foldOf !== undefined) this.actions.unfold(foldOf);
    else if (twisty) this.toggle(id);
    else if (this.store?.spans.has(id)) this.actions.select(id);
  }

  /** Twice on a bar shows its time alone. */
  private onDoubleClick(event: MouseEvent): void {
    const target = event.target instanceof Element ? event.target : null;
    const id = target?.closest(".cell-bar") ? hit(target).id : undefined;
    const span = id && this.span(id);
    if (!span) return;
    const { time } = this.panel;
    const [from, to] = [this.startOf(span), this.endOf(span)];
    const margin = Math.abs(to - from) * 0.04;
    time.zoomTo(Math.min(from, to) - margin, Math.max(from, to) + margin);
    this.panel.changed();
  }

  private onKey(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.cursor ? this.indexOf(this.cursor) : -1;
    const node = this.rows[at];
    const open = node ? !this.collapsed.has(node.id) && !isFolded(node) : false;
    let to: number | undefined;
    switch (event.key) {
      case "ArrowDown":
        to = at + 1;
        break;
      case "ArrowUp":
        to = at < 0 ? 0 : at - 1;
        break;
      case "PageDown":
        to = at + this.list.pageRows;
        break;
      case "PageUp":
        to = at - this.list.pageRows;
        break;
      case "Home":
        to = 0;
        break;
      case "End":
        to = this.rows.length - 1;
        break;
      case "ArrowRight":
        if (node && node.children.length > 0) {
          if (open) to = at + 1;
          else this.toggle(node.id);
        }
        break;
      case "ArrowLeft":
        if (node && node.children.length > 0 && open) this.toggle(node.id);
        else if (node?.parent) to = rowIndex(this.rows, node.parent.id, at);
        break;
      case "Enter":
      case " ":
        if (node?.foldOf !== undefined) this.actions.unfold(node.foldOf);
        else if (node && this.store?.spans.has(node.id)) this.actions.select(node.id);
        break;
      case "Escape":
        if (!this.selected) return; // it may end a search
        this.actions.select(null);
        break;
      default:
        return;
    }
    event.preventDefault();
    if (to === undefined) return;
    const index = Math.min(this.rows.length - 1, Math.max(0, to));
    const target = this.rows[index];
    if (!target) return;
    this.moveCursor(target.id);
    this.list.reveal(index);
    // With the details open, they follow the cursor: reading along with the arrow keys.
    if (this.selected && this.store?.spans.has(target.id)) this.actions.select(target.id);
  }
}

interface Hit {
  readonly id: string | undefined;
  readonly twisty: boolean;
}

function hit(target: EventTarget | null): Hit {
  const element = target instanceof Element ? target : null;
  const id = element?.closest<HTMLElement>("[data-span-id]")?.dataset.spanId;
  return { id, twisty: element?.closest(".twisty") != null };
}
