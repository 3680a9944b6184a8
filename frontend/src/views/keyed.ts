/** A short list whose elements stay: what has the focus or is typed into is not made anew by an update. */
import type { RowView } from "./windowed";

export class KeyedList<T> {
  private readonly parent: HTMLElement;
  private readonly key: (item: T) => string;
  private readonly create: (item: T) => RowView<T>;
  private shown = new Map<string, RowView<T>>();

  constructor(parent: HTMLElement, key: (item: T) => string, create: (item: T) => RowView<T>) {
    this.parent = parent;
    this.key = key;
    this.create = create;
  }

  draw(items: readonly T[]): void {
    const before = this.shown;
    this.shown = new Map();
    items.forEach((item, index) => {
      const id = this.key(item);
      const row = before.get(id) ?? this.create(item);
      before.delete(id);
      this.shown.set(id, row);
      row.update(item, index);
    });
    for (const row of before.values()) row.element.remove();
    [...this.shown.values()].forEach(({ element }, index) => {
      const here = this.parent.children[index] ?? null;
      if (here !== element) this.parent.insertBefore(element, here);
    });
  }
}
