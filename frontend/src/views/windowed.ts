/** A list that only has the rows in sight as elements, however long it is. Rows are of one height. */
import { afterPaint } from "../browser/after-paint";
import { MOST_PRINTED, whenPrinted } from "../browser/printing";
import { ascending } from "./ascending";
import { type RowBlock, rowBlock } from "./row-block";

export interface RowView<T> {
  readonly element: HTMLElement;
  update(item: T, index: number): void;
}

export interface WindowedOptions<T> {
  /** The element that scrolls. */
  readonly viewport: HTMLElement;
  /** Its only child, as high as all the rows together. */
  readonly canvas: HTMLElement;
  readonly rowHeight: number;
  readonly key: (item: T) => string;
  readonly create: () => RowView<T>;
  /** Rows have links and buttons: they are reached one after the other as they are seen. */
  readonly inOrder?: boolean;
  /** Rows above and below what is in sight, so that a fast scroll does not show gaps. */
  readonly ahead?: number;
  /** It is not on paper: then there is no need for all rows when the page is printed. */
  readonly isScreenOnly?: boolean;
  readonly onScroll?: () => void;
  readonly onResize?: () => void;
}

const AHEAD = 12;
const NO_ROWS: RowBlock = { first: 0, end: 0 };

export class WindowedList<T> {
  private readonly options: WindowedOptions<T>;
  private shown = new Map<string, RowView<T>>();
  /** Elements without a row, out of sight. */
  private spare: RowView<T>[] = [];
  private block = NO_ROWS;
  private items: readonly T[] = [];
  // Kept from the last event: asking the elements would cost a layout each time.
  private top = 0;
  private height = 0;
  private hidden = true;
  /** The first rows are those in sight; further ones are made once these are on the screen. */
  private ahead = 0;
  /** The view is moved with the next frame, and still is where it was. */
  private isMoving = false;
  private prints = false;

  constructor(options: WindowedOptions<T>) {
    this.options = options;
    const { viewport } = options;
    viewport.addEventListener(
      "scroll",
      () => {
        // With another height it was resized, not scrolled; the resize observer handles that.
        if (viewport.clientHeight !== this.height) return;
        this.top = viewport.scrollTop;
        this.fill(false);
        options.onScroll?.();
      },
      { passive: true },
    );
    new ResizeObserver(() => {
      const wasHidden = this.hidden;
      this.height = viewport.clientHeight;
      this.hidden = this.height === 0;
      if (this.hidden) return;
      // A hidden element loses its scroll position.
      if (wasHidden) viewport.scrollTop = this.top;
      this.look();
      this.fill(false);
      options.onResize?.();
    }).observe(viewport);
    if (options.isScreenOnly) return;
    whenPrinted((prints) => {
      if (prints && this.viewHeight === 0) return;
      this.prints = prints;
      this.fill(true);
    });
  }

  /** Shows other items; with `scrollTop` from there. */
  setItems(items: readonly T[], scrollTop = this.top): void {
    const { viewport, canvas, rowHeight } = this.options;
    const height = `${items.length * rowHeight}px`;
    if (canvas.style.height !== height) canvas.style.height = height;
    this.items = items;
    const isFirst = this.ahead === 0 && !document.hidden;
    const top = scrollTop > 0 ? Math.min(scrollTop, this.endScroll) : 0;
    const isMoved = top !== this.top;
    this.top = top;
    this.fill(true);
    // To scroll is to lay out: last, when there is nothing to lay out any more afterwards. The first rows come with
    // much else of the page, all of which is laid out once.
    if (isMoved && isFirst) this.moveWithFrame();
    else if (isMoved && !this.isMoving) viewport.scrollTop = top;
  }

  /** Draws the rows in sight again. */
  render(): void {
    this.fill(true);
  }

  /** Puts a row element where there is an item in sight. Elements that are free take the new rows at once. */
  private fill(again: boolean): void {
    const { rowHeight, key } = this.options;
    const sight = {
      top: this.top / rowHeight,
      height: this.items.length > 0 ? this.viewHeight / rowHeight : 0,
      count: this.items.length,
    };
    if (this.ahead === 0 && sight.count > 0) this.goAhead();
    const block = this.prints
      ? { first: 0, end: Math.min(this.items.length, MOST_PRINTED) }
      : rowBlock(sight, this.ahead, this.block);
    if (block === this.block && !again) return;
    this.block = block;
    const ids = this.items.slice(block.first, block.end).map(key);
    const before = this.shown;
    this.shown = new Map(ids.map((id) => [id, before.get(id) as RowView<T>]));
    const free: RowView<T>[] = [];
    for (const [id, row] of before) if (!this.shown.has(id)) free.push(row);
    // Taken in the order in which they stand: where all rows are others, none has to be moved.
    const fresh = ids.filter((id) => !before.has(id));
    const taken = [...free, ...this.spare].slice(0, fresh.length);
    this.putAway(free.slice(fresh.length), this.spare.slice(Math.max(0, fresh.length - free.length)));
    fresh.forEach((id, at) => {
      this.shown.set(id, taken[at] ?? this.made());
    });
    let index = block.first;
    for (const [id, row] of this.shown) {
      const { element } = row;
      const top = `${index * rowHeight}px`;
      if (element.style.top !== top) element.style.top = top;
      if (element.hidden) element.hidden = false;
      if (again || !before.has(id)) row.update(this.items[index] as T, index);
      index++;
    }
    if (this.options.inOrder || this.prints) this.order();
  }

  private goAhead(): void {
    this.ahead = 1;
    afterPaint(() => {
      this.ahead = this.options.ahead ?? AHEAD;
      this.fill(false);
      this.order();
    });
  }

  private moveWithFrame(): void {
    this.isMoving = true;
    requestAnimationFrame(() => {
      this.isMoving = false;
      this.options.viewport.scrollTop = this.top;
    });
  }

  private made(): RowView<T> {
    const row = this.options.create();
    this.options.canvas.append(row.element);
    return row;
  }

  private putAway(free: readonly RowView<T>[], spare: readonly RowView<T>[]): void {
    for (const { element } of free) {
      element.hidden = true;
      // Its id may by now be another row's.
      element.removeAttribute("id");
    }
    this.spare = [...free, ...spare];
  }

  /** Brings the elements into the order of their rows, and moves no more of them than needed. */
  private order(): void {
    const { canvas } = this.options;
    const elements = [...this.shown.values()].map(({ element }) => element);
    const places = new Map<Element, number>(elements.map((element, place) => [element, place]));
    const standing = [...canvas.children].map((child) => places.get(child) ?? -1).filter((at) => at >= 0);
    const kept = ascending(standing);
    if (kept.size === elements.length) return;
    let next: Element | null = null;
    for (const [place, element] of [...elements.entries()].reverse()) {
      if (!kept.has(place)) moveBefore(canvas, element, next);
      next = element;
    }
  }

  rows(): IterableIterator<RowView<T>> {
    return this.shown.values();
  }

  get scrollTop(): number {
    return this.top;
  }

  /**
   * Asks where the view is. The event of a scroll comes later than the scroll: whoever places rows in between would
   * take it back.
   */
  look(): void {
    if (!this.hidden && !this.isMoving) this.top = this.options.viewport.scrollTop;
  }

  /** Pixels of the view; 0 while it is hidden. */
  get viewHeight(): number {
    // It has just been shown; the resize observer reports that only at the end of the frame.
    if (this.height === 0) this.height = this.options.viewport.clientHeight;
    return this.height;
  }

  get atEnd(): boolean {
    return this.top >= this.endScroll - 4;
  }

  get atStart(): boolean {
    return this.top < 4;
  }

  get endScroll(): number {
    return Math.max(0, this.items.length * this.options.rowHeight - this.viewHeight);
  }

  /** Brings a row into sight, moving no more than needed. `covered`: pixels at the top that are not seen. */
  reveal(index: number, covered = 0): void {
    this.setItems(this.items, this.topFor(index, covered));
  }

  /** The scroll position at which a row is in sight, as near as possible to `from`, which is where the list is. */
  topFor(index: number, covered = 0, from = this.top): number {
    const { rowHeight } = this.options;
    const top = index * rowHeight;
    if (top - covered < from) return Math.max(0, top - covered);
    return Math.max(from, top + rowHeight - this.viewHeight);
  }

  /** Puts a row in the middle of the view when it is not in sight. */
  center(index: number, covered = 0): void {
    const { rowHeight } = this.options;
    const top = index * rowHeight;
    const inSight = top >= this.top + covered && top + rowHeight <= this.top + this.viewHeight;
    if (!inSight) this.setItems(this.items, top - this.viewHeight / 2);
  }

  get pageRows(): number {
    return Math.max(1, Math.floor(this.viewHeight / this.options.rowHeight) - 1);
  }
}

/** An element that is moved loses the focus; it gets it back. */
function moveBefore(parent: HTMLElement, element: HTMLElement, next: Element | null): void {
  const focused = document.activeElement;
  const hadFocus = focused instanceof HTMLElement && element.contains(focused);
  parent.insertBefore(element, next);
  if (hadFocus) focused.focus({ preventScroll: true });
}
