/** A list that only has the rows in sight as elements, however long it is. Rows are of one height. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";

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
  readonly onScroll?: () => void;
}

/** Rows above and below what is in sight, so that a fast scroll does not show gaps. */
const OVERSCAN = 12;

export class WindowedList<T> {
  private readonly options: WindowedOptions<T>;
  private readonly virtualizer: Virtualizer<HTMLElement, HTMLElement>;
  private readonly shown = new Map<string, RowView<T>>();
  private readonly spare: RowView<T>[] = [];
  private items: readonly T[] = [];

  constructor(options: WindowedOptions<T>) {
    this.options = options;
    this.virtualizer = new Virtualizer(this.settings());
    this.virtualizer._didMount();
    this.virtualizer._willUpdate();
  }

  private settings(): ConstructorParameters<typeof Virtualizer<HTMLElement, HTMLElement>>[0] {
    return {
      count: this.items.length,
      getScrollElement: () => this.options.viewport,
      estimateSize: () => this.options.rowHeight,
      overscan: OVERSCAN,
      observeElementRect,
      observeElementOffset,
      scrollToFn: elementScroll,
      onChange: () => {
        this.render();
        this.options.onScroll?.();
      },
    };
  }

  /** Shows other items. `keepTop` pins what is at the top of the view: the item and its offset in pixels. */
  setItems(items: readonly T[], scrollTop?: number): void {
    const { viewport, canvas, rowHeight } = this.options;
    const countChanged = items.length !== this.items.length;
    this.items = items;
    if (countChanged) {
      canvas.style.height = `${items.length * rowHeight}px`;
      this.virtualizer.setOptions(this.settings());
      this.virtualizer._willUpdate();
    }
    if (scrollTop !== undefined && viewport.scrollTop !== scrollTop) {
      viewport.scrollTop = scrollTop;
      // The scroll event comes a frame later; without this the old place would be drawn first.
      this.virtualizer.scrollOffset = viewport.scrollTop;
    }
    this.render();
  }

  /** Draws the rows in sight again. */
  render(): void {
    const { canvas, key, create, rowHeight } = this.options;
    const wanted = this.virtualizer.getVirtualItems().filter((entry) => entry.index < this.items.length);
    const keep = new Set<string>();
    for (const entry of wanted) {
      const item = this.items[entry.index];
      if (item !== undefined) keep.add(key(item));
    }
    for (const [id, row] of this.shown) {
      if (keep.has(id)) continue;
      this.shown.delete(id);
      this.spare.push(row);
    }
    for (const entry of wanted) {
      const item = this.items[entry.index];
      if (item === undefined) continue;
      const id = key(item);
      let row = this.shown.get(id);
      if (!row) {
        row = this.spare.pop() ?? create();
        this.shown.set(id, row);
        if (!row.element.isConnected) canvas.append(row.element);
        row.element.hidden = false;
      }
      const offset = `translateY(${entry.index * rowHeight}px)`;
      if (row.element.style.transform !== offset) row.element.style.transform = offset;
      row.update(item, entry.index);
    }
    for (const row of this.spare) row.element.hidden = true;
  }

  rows(): IterableIterator<RowView<T>> {
    return this.shown.values();
  }

  get atEnd(): boolean {
    const { viewport } = this.options;
    return viewport.scrollTop + viewport.clientHeight >= viewport.scrollHeight - 4;
  }

  get atStart(): boolean {
    return this.options.viewport.scrollTop < 4;
  }

  get endScroll(): number {
    return Math.max(0, this.items.length * this.options.rowHeight - this.options.viewport.clientHeight);
  }

  /** Brings a row into sight, moving no more than needed. */
  reveal(index: number): void {
    const { viewport, rowHeight } = this.options;
    const top = index * rowHeight;
    const height = viewport.clientHeight;
    let target = viewport.scrollTop;
    if (top < target) target = top;
    else if (top + rowHeight > target + height) target = top + rowHeight - height;
    this.setItems(this.items, target);
  }

  /** Puts a row in the middle of the view when it is not in sight. */
  center(index: number): void {
    const { viewport, rowHeight } = this.options;
    const top = index * rowHeight;
    const inSight =
      top >= viewport.scrollTop && top + rowHeight <= viewport.scrollTop + viewport.clientHeight;
    if (!inSight) this.setItems(this.items, Math.max(0, top - viewport.clientHeight / 2));
  }

  get pageRows(): number {
    return Math.max(1, Math.floor(this.options.viewport.clientHeight / this.options.rowHeight) - 1);
  }
}
