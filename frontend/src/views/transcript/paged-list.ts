/**
 * A long list whose items have heights of their own. They stand in pages; only those near to what is in sight have
 * elements, the others keep the height that they had.
 */
import { h } from "../../browser/dom";
import { KeyedList } from "../keyed";
import type { RowView } from "../windowed";

const PAGE = 30;
/** A guess of an item's height, px, for a page that was never shown. */
const GUESS_PX = 96;
const MARGIN_PX = 1_000;

interface Page<T> {
  readonly element: HTMLElement;
  readonly list: KeyedList<T>;
  shown: boolean;
  height: number;
}

export class PagedList<T> {
  private readonly container: HTMLElement;
  private readonly key: (item: T) => string;
  private readonly create: (item: T) => RowView<T>;
  private readonly pages: Page<T>[] = [];
  private readonly observer: IntersectionObserver;
  private items: readonly T[] = [];

  constructor(
    container: HTMLElement,
    viewport: HTMLElement,
    key: (item: T) => string,
    create: (item: T) => RowView<T>,
  ) {
    this.container = container;
    this.key = key;
    this.create = create;
    this.observer = new IntersectionObserver((entries) => this.seen(entries), {
      root: viewport,
      rootMargin: `${MARGIN_PX}px 0px`,
    });
  }

  setItems(items: readonly T[]): void {
    this.items = items;
    const wanted = Math.ceil(items.length / PAGE);
    while (this.pages.length > wanted) {
      const page = this.pages.pop();
      if (page) this.observer.unobserve(page.element);
      page?.element.remove();
    }
    while (this.pages.length < wanted) this.pages.push(this.newPage());
    this.render();
  }

  /** Draws what is in sight again. */
  render(): void {
    this.pages.forEach((page, at) => {
      if (page.shown) page.list.draw(this.itemsOf(at));
    });
  }

  /** Makes the elements of an item's page at once, so that it can be scrolled to. */
  reach(index: number): void {
    const at = Math.floor(index / PAGE);
    const page = this.pages[at];
    if (page && !page.shown) this.show(page, at);
  }

  private itemsOf(at: number): readonly T[] {
    return this.items.slice(at * PAGE, (at + 1) * PAGE);
  }

  private newPage(): Page<T> {
    const element = h("div", { class: "transcript-page" });
    element.style.minHeight = `${PAGE * GUESS_PX}px`;
    this.container.append(element);
    this.observer.observe(element);
    return { element, list: new KeyedList(element, this.key, this.create), shown: false, height: 0 };
  }

  private seen(entries: readonly IntersectionObserverEntry[]): void {
    for (const { target, isIntersecting } of entries) {
      const at = this.pages.findIndex((page) => page.element === target);
      const page = this.pages[at];
      if (!page || isIntersecting === page.shown) continue;
      if (isIntersecting) this.show(page, at);
      // What has the focus stays: the keyboard is there.
      else if (!page.element.contains(document.activeElement)) this.hide(page);
    }
  }

  private show(page: Page<T>, at: number): void {
    page.shown = true;
    page.list.draw(this.itemsOf(at));
    page.element.style.minHeight = "";
  }

  private hide(page: Page<T>): void {
    page.height = page.element.offsetHeight;
    page.shown = false;
    page.list.draw([]);
    page.element.style.minHeight = `${page.height}px`;
  }
}
