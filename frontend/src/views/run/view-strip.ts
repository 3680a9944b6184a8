/** The strip above a run that switches between its shapes; the address names the one that is shown. */
import { byId, h, icon, setAttr } from "../../browser/dom";
import { address, runRoute, type View } from "../../browser/router";
import type { Finding } from "../../run/find/find";
import type { RunStore } from "../../store";
import type { RunShape } from "./run-shape";

interface Entry {
  readonly shape: RunShape;
  readonly link: HTMLAnchorElement;
}

export class ViewStrip {
  private readonly entries: readonly Entry[];
  private shown: RunShape;
  private readonly stage = byId("run-views").closest(".stage");
  private runId = "";
  private store: RunStore | null = null;
  private spanId: string | null = null;
  private query = "";
  private settled = false;
  private finding: Finding | null = null;

  /** The first shape is the one that is shown where the address names none. */
  constructor(first: RunShape, ...others: RunShape[]) {
    this.shown = first;
    this.entries = [first, ...others].map((shape) => ({
      shape,
      link: h("a", { class: "view-link", "data-nav": "" }, icon(shape.icon), h("span", {}, shape.title)),
    }));
    const strip = byId("run-views");
    strip.append(...this.entries.map(({ link }) => link));
    strip.hidden = others.length === 0;
    this.mark();
  }

  open(runId: string, store: RunStore, spanId: string | null, view: View): void {
    this.shown.close();
    this.runId = runId;
    this.store = store;
    this.spanId = spanId;
    this.settled = false;
    this.shown = this.shapeOf(view);
    this.mark();
    this.shown.open(store, spanId);
  }

  /** Shows the run that is open in another shape. */
  go(view: View): void {
    const next = this.shapeOf(view);
    if (next === this.shown || !this.store) return;
    this.shown.close();
    this.shown = next;
    this.mark();
    next.open(this.store, this.spanId);
    // Nothing may have changed in the run: nobody else would say that it has ended.
    next.draw(this.settled);
    if (this.finding) next.found?.(this.finding);
  }

  close(): void {
    this.shown.close();
    this.store = null;
  }

  draw(settled: boolean): void {
    this.settled = settled;
    this.shown.draw(settled);
  }

  select(spanId: string | null): void {
    this.spanId = spanId;
    this.mark();
    this.shown.select(spanId);
  }

  /** What is searched for stays so in the other shapes. */
  search(query: string): void {
    this.query = query;
    this.mark();
  }

  /** What the search has found is marked in each of the shapes. */
  found(finding: Finding): void {
    this.finding = finding;
    this.shown.found?.(finding);
  }

  show(spanId: string): void {
    this.shown.show(spanId);
  }

  focus(): void {
    this.shown.focus();
  }

  private shapeOf(view: View): RunShape {
    const found = this.entries.find(({ shape }) => shape.view === view) ?? this.entries[0];
    return found?.shape ?? this.shown;
  }

  private mark(): void {
    this.stage?.setAttribute("data-view", this.shown.view);
    for (const { shape, link } of this.entries) {
      const isShown = shape === this.shown;
      shape.element.hidden = !isShown;
      if (shape.tools) shape.tools.hidden = shape.tools !== this.shown.tools;
      setAttr(link, "aria-current", isShown ? "true" : null);
      setAttr(link, "href", address(runRoute(this.runId || null, this.spanId, shape.view, this.query)));
    }
  }
}
