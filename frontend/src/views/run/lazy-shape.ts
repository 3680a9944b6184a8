/** A shape of a run whose code is fetched when it is first shown. */
import { h } from "../../browser/dom";
import type { View } from "../../browser/router";
import type { Finding } from "../../run/find/find";
import type { RunStore } from "../../store";
import type { RunShape } from "./run-shape";

export interface LazyShapeOptions {
  readonly view: View;
  readonly title: string;
  readonly icon: string;
  readonly element: HTMLElement;
  readonly tools?: HTMLElement;
  load(): Promise<RunShape>;
}

export class LazyShape implements RunShape {
  readonly view: View;
  readonly title: string;
  readonly icon: string;
  readonly element: HTMLElement;
  readonly tools?: HTMLElement;
  private readonly options: LazyShapeOptions;
  private shape: RunShape | null = null;
  /** The run that is shown in it; null while another shape is. */
  private store: RunStore | null = null;
  private spanId: string | null = null;
  /** A span that is to be brought into sight once the code is here. */
  private wanted: string | null = null;
  private settled = false;
  private finding: Finding | null = null;
  private failure: HTMLElement | null = null;

  constructor(options: LazyShapeOptions) {
    this.options = options;
    this.view = options.view;
    this.title = options.title;
    this.icon = options.icon;
    this.element = options.element;
    if (options.tools) this.tools = options.tools;
  }

  open(store: RunStore, spanId: string | null): void {
    this.store = store;
    this.spanId = spanId;
    this.wanted = null;
    if (this.shape) this.shape.open(store, spanId);
    else void this.fetch();
  }

  draw(settled: boolean): void {
    this.settled = settled;
    this.shape?.draw(settled);
  }

  select(spanId: string | null): void {
    this.spanId = spanId;
    this.shape?.select(spanId);
  }

  show(spanId: string): void {
    if (this.shape) this.shape.show(spanId);
    else this.wanted = spanId;
  }

  found(finding: Finding): void {
    this.finding = finding;
    this.shape?.found?.(finding);
  }

  focus(): void {
    this.shape?.focus();
  }

  close(): void {
    this.store = null;
    this.shape?.close();
  }

  private async fetch(): Promise<void> {
    let shape: RunShape;
    try {
      shape = await this.options.load();
    } catch {
      this.fail();
      return;
    }
    if (this.shape) return; // asked for twice
    this.failure?.remove();
    this.failure = null;
    this.shape = shape;
    if (!this.store) return;
    shape.open(this.store, this.spanId);
    shape.draw(this.settled);
    if (this.finding) shape.found?.(this.finding);
    if (this.wanted) shape.show(this.wanted);
  }

  /** The service cannot be reached, or was updated and has this part under another name. */
  private fail(): void {
    if (this.failure) return;
    const text =
      "This part of the page did not come: the service does not answer, or it was updated. Load the page anew.";
    this.failure = h("p", { class: "notice", role: "alert" }, text);
    this.element.append(this.failure);
  }
}
