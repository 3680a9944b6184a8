/** A page beside the runs whose code is fetched when somebody first goes there. */

import { h } from "../browser/dom";
import type { Route } from "../browser/router";
import type { SectionView } from "./section";

export class LazySection implements SectionView {
  readonly title: string;
  private readonly element: HTMLElement;
  private readonly load: () => Promise<SectionView>;
  private view: SectionView | null = null;
  /** Where one is in the section; null while it is not on the screen. */
  private route: Route | null = null;
  private failure: HTMLElement | null = null;

  constructor(title: string, element: HTMLElement, load: () => Promise<SectionView>) {
    this.title = title;
    this.element = element;
    this.load = load;
  }

  open(route: Route): void {
    this.route = route;
    if (this.view) this.view.open(route);
    else void this.fetch();
  }

  moved(route: Route): void {
    this.route = route;
    this.view?.moved?.(route);
  }

  close(): void {
    this.route = null;
    this.view?.close();
  }

  wake(): void {
    if (this.failure) void this.fetch();
    this.view?.wake();
  }

  tick(): void {
    this.view?.tick();
  }

  private async fetch(): Promise<void> {
    let view: SectionView;
    try {
      view = await this.load();
    } catch {
      this.fail();
      return;
    }
    if (this.view) return; // asked for twice
    this.failure?.remove();
    this.failure = null;
    this.view = view;
    if (this.route) view.open(this.route);
  }

  /** The service cannot be reached, or was updated and has this part under another name. */
  private fail(): void {
    if (!this.route || this.failure) return;
    const reload = h("button", { class: "button", type: "button" }, "Load the page anew");
    reload.addEventListener("click", () => location.reload());
    this.failure = h(
      "div",
      { class: "state", role: "alert" },
      h("h1", {}, "This part of the page did not come"),
      h(
        "p",
        { class: "state-text" },
        "The service does not answer, or it was updated since this page was loaded.",
      ),
      reload,
    );
    this.element.append(this.failure);
  }
}
