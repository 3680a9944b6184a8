/** Named views of the list: what it is narrowed to and how it is sorted, kept in this browser. */
import { filterIn, filterQuery } from "./run-filter";

const KEY = "spantail.views";
const MOST_VIEWS = 50;
export const LONGEST_NAME = 60;

export interface SavedView {
  readonly name: string;
  /** As it stands in the page's address: "?status=failed". */
  readonly query: string;
}

/** Where views are kept; a test brings its own. */
export type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

/** What is stored may be old, or somebody's: what is no view is left out. */
export function viewsIn(store: Store): SavedView[] {
  try {
    const held: unknown = JSON.parse(store.getItem(KEY) ?? "[]");
    return Array.isArray(held) ? held.filter(isView).slice(0, MOST_VIEWS).map(cleaned) : [];
  } catch {
    return []; // Storage may be forbidden.
  }
}

/** Takes the place of one of the same name; the latest stands last. */
export function withView(views: readonly SavedView[], name: string, query: string): SavedView[] {
  const view = cleaned({ name, query });
  if (!view.name) return [...views];
  return [...views.filter((one) => one.name !== view.name), view].slice(-MOST_VIEWS);
}

export function withoutView(views: readonly SavedView[], name: string): SavedView[] {
  return views.filter((one) => one.name !== name);
}

/** False where the browser keeps nothing. */
export function keepViews(store: Store, views: readonly SavedView[]): boolean {
  try {
    if (views.length > 0) store.setItem(KEY, JSON.stringify(views));
    else store.removeItem(KEY);
    return true;
  } catch {
    return false;
  }
}

function isView(held: unknown): held is SavedView {
  if (held === null || typeof held !== "object") return false;
  const { name, query } = held as Partial<Record<"name" | "query", unknown>>;
  return typeof name === "string" && name.trim() !== "" && typeof query === "string";
}

function cleaned({ name, query }: SavedView): SavedView {
  return { name: name.trim().slice(0, LONGEST_NAME), query: filterQuery(filterIn(query)) };
}
