/** What the browser keeps between visits. Storage may be forbidden, or full: then it lasts as long as the page. */

export type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

export class Kept {
  private readonly key: string;
  private readonly store: () => Store;

  constructor(key: string, store: () => Store = () => localStorage) {
    this.key = key;
    this.store = store;
  }

  /** What was kept; null where that is nothing. */
  get text(): string | null {
    try {
      return this.store().getItem(this.key);
    } catch {
      return null;
    }
  }

  /** Keeps a text, or with null nothing any more. */
  keep(text: string | null): void {
    try {
      if (text === null) this.store().removeItem(this.key);
      else this.store().setItem(this.key, text);
    } catch {
      // Not kept, then.
    }
  }
}
