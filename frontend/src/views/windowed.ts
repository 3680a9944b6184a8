/** A list that only has the rows in sight as elements, however long it is. Rows are of one height. */

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
  readonly onScroll?: () => void;
  readonly onResize?: () => void;
}

/** Rows above and below what is in sight, so that a fast scroll does not show gaps. */
const OVERSCAN = 12;

export class WindowedList<T> {
  private readonly options: WindowedOptions<T>;
  private readonly shown = new Map<string, RowView<T>>();
  private readonly spare: RowView<T>[] = [];
  private items: readonly T[] = [];
  // Kept from the last event: asking the elements would cost a layout each time.
  private top = 0;
  private height = 0;
  private hidden = true;

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
      this.top = viewport.scrollTop;
      this.fill(false);
      options.onResize?.();
    }).observe(viewport);
  }

  /** Shows other items; with `scrollTop` from there. */
  setItems(items: readonly T[], scrollTop = this.top): void {
    const { viewport, canvas, rowHeight } = this.options;
    const height = `${items.length * rowHeight}px`;
    if (canvas.style.height !== height) canvas.style.height = height;
    this.items = items;
    const top = Math.min(Math.max(0, scrollTop), this.endScroll);
    if (top !== this.top) {
      viewport.scrollTop = top;
      this.top = top;
    }
    this.fill(true);
  }

  /** Draws the rows in sight again. */
  render(): void {
    this.fill(true);
  }

  /** Puts a row element where there is an item in sight; the others are kept for later, out of sight. */
  private fill(again: boolean): void {
    const { canvas, key, create, rowHeight } = this.options;
    const first = Math.max(0, Math.floor(this.top / rowHeight) - OVERSCAN);
    const end = Math.min(this.items.length, Math.ceil((this.top + this.viewHeight) / rowHeight) + OVERSCAN);
    const wanted = this.items.slice(first, end).map((item) => ({ item, id: key(item) }));
    const keep = new Set(wanted.map(({ id }) => id));
    for (const [id, row] of this.shown) {
      if (keep.has(id)) continue;
      this.shown.delete(id);
      this.spare.push(row);
    }
    wanted.forEach(({ item, id }, at) => {
      const index = first + at;
      let row = this.shown.get(id);
      const fresh = row === undefined;
      if (row === undefined) {
        row = this.spare.pop() ?? create();
        this.shown.set(id, row);
        if (!row.element.isConnected) canvas.append(row.element);
        row.element.hidden = false;
      }
      const offset = `translateY(${index * rowHeight}px)`;
      if (row.element.style.transform !== offset) row.element.style.transform = offset;
      if (fresh || again) row.update(item, index);
    });
    for (const { element } of this.spare) {
      element.hidden = true;
      // Its id may by now be another row's.
      element.removeAttribute("id");
    }
    if (this.options.inOrder) this.order(wanted.map(({ id }) => id));
  }

  /** Brings the elements into the order of their rows, and moves no more of them than needed. */
  private order(ids: readonly string[]): void {
    const { canvas } = this.options;
    for (const { element } of this.spare) if (element.nextElementSibling) canvas.append(element);
    let at = canvas.firstElementChild;
    for (const id of ids) {
      const element = this.shown.get(id)?.element;
      if (!element) continue;
      if (element === at) at = at.nextElementSibling;
      else moveBefore(canvas, element, at);
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
    if (!this.hidden) this.top = this.options.viewport.scrollTop;
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

  /** The scroll position at which a row is in sight, as near as possible to where the list is. */
  topFor(index: number, covered = 0): number {
    const { rowHeight } = this.options;
    const top = index * rowHeight;
    if (top - covered < this.top) return Math.max(0, top - covered);
    return Math.max(this.top, top + rowHeight - this.viewHeight);
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
