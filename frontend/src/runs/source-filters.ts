/** Whether the list has filters by environment and version: where it had them at the last visit, they keep their place. */

const STORED = "spantail.sources";

type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

export class SourceFilters {
  private readonly store: () => Store;

  constructor(store: () => Store = () => localStorage) {
    this.store = store;
  }

  get wereThere(): boolean {
    try {
      return this.store().getItem(STORED) !== null;
    } catch {
      return false;
    }
  }

  areThere(isSo: boolean): void {
    try {
      if (isSo) this.store().setItem(STORED, "1");
      else this.store().removeItem(STORED);
    } catch {
      // Then the list moves when they come.
    }
  }
}
