/** The panel of saved views: choose one, save what the list shows now, take one away, copy an address to share. */
import { byId, copyText, h, icon, setAttr, setText } from "../browser/dom";
import {
  keepViews,
  LONGEST_NAME,
  type SavedView,
  type Store,
  viewsIn,
  withoutView,
  withView,
} from "../runs/saved-views";
import { visible } from "../text/visible";
import { KeyedList } from "./keyed";
import type { RowView } from "./windowed";

const COPIED_MS = 1_500;

export class SavedViews {
  private readonly apply: (query: string) => void;
  private readonly store: Store;
  private readonly button = byId<HTMLButtonElement>("saved-views-button");
  private readonly panel = byId("saved-views");
  private readonly empty = h(
    "p",
    { class: "views-note" },
    "Narrow or sort the list, and save that under a name.",
  );
  private readonly list: KeyedList<SavedView>;
  private readonly input = h("input", {
    class: "input",
    type: "text",
    maxlength: LONGEST_NAME,
    placeholder: "Name of this view",
    "aria-label": "Name of this view",
    autocomplete: "off",
  });
  private readonly save = h("button", { type: "submit", class: "button" }, "Save");
  private readonly copy = h("button", { type: "button", class: "button-quiet" }, "Copy the list's address");
  private readonly said = h("p", { class: "views-note", role: "status" });
  private views: SavedView[];
  private query = "";

  /** `apply` narrows the list to the query of a view. */
  constructor(apply: (query: string) => void, store: Store = localStorage) {
    this.apply = apply;
    this.store = store;
    this.views = viewsIn(store);
    const items = h("ul", { class: "views-list" });
    this.list = new KeyedList(
      items,
      ({ name }) => name,
      () =>
        new ViewRow(
          (query) => this.choose(query),
          (name) => this.remove(name),
          () => this.query,
        ),
    );
    const form = h("form", { class: "views-form", novalidate: true }, this.input, this.save);
    this.panel.append(items, this.empty, form, this.copy, this.said);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.add();
    });
    this.copy.addEventListener("click", () => void this.copyAddress());
    this.button.addEventListener("click", () => this.show(this.panel.hidden === true));
    this.panel.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      this.show(false);
      this.button.focus();
    });
    this.draw();
  }

  /** The list is narrowed to this now. */
  narrowed(query: string): void {
    this.query = query;
    this.draw();
  }

  private show(isOpen: boolean): void {
    this.panel.hidden = !isOpen;
    setAttr(this.button, "aria-expanded", String(isOpen));
    if (!isOpen) return;
    setText(this.said, "");
    this.draw();
    const first = this.panel.querySelector<HTMLElement>(".view-choice") ?? this.input;
    first.focus();
  }

  private choose(query: string): void {
    this.apply(query);
    this.narrowed(query);
  }

  private add(): void {
    const name = this.input.value.trim();
    if (!name) {
      this.input.focus();
      return;
    }
    this.keep(withView(this.views, name, this.query));
    this.input.value = "";
  }

  private remove(name: string): void {
    this.keep(withoutView(this.views, name));
    this.input.focus();
  }

  private keep(views: SavedView[]): void {
    this.views = views;
    const kept = keepViews(this.store, views);
    setText(this.said, kept ? "" : "This browser keeps nothing: the view is gone with the page.");
    this.draw();
  }

  private draw(): void {
    this.list.draw(this.views);
    this.empty.hidden = this.views.length > 0;
  }

  private async copyAddress(): Promise<void> {
    const done = await copyText(`${location.origin}/${this.query}`);
    this.copy.dataset.copied = done ? "copied" : "not allowed";
    setText(this.said, done ? "Copied." : "Copying is not allowed here.");
    setTimeout(() => {
      delete this.copy.dataset.copied;
      setText(this.said, "");
    }, COPIED_MS);
  }
}

class ViewRow implements RowView<SavedView> {
  readonly element: HTMLElement;
  private readonly now: () => string;
  private readonly choice = h("button", { type: "button", class: "view-choice" });
  private readonly drop = h(
    "button",
    { type: "button", class: "button-icon small view-drop" },
    icon("close"),
  );
  private view: SavedView | null = null;

  constructor(choose: (query: string) => void, remove: (name: string) => void, now: () => string) {
    this.now = now;
    this.element = h("li", { class: "view-row" }, this.choice, this.drop);
    this.choice.addEventListener("click", () => this.view && choose(this.view.query));
    this.drop.addEventListener("click", () => this.view && remove(this.view.name));
  }

  update(view: SavedView): void {
    this.view = view;
    const name = visible(view.name);
    setText(this.choice, name);
    const parts = [...new URLSearchParams(view.query)].map(([term, value]) => `${term}: ${value}`);
    setAttr(this.choice, "title", parts.join(", ") || "Every run, the newest first");
    setAttr(this.choice, "aria-pressed", String(view.query === this.now()));
    setAttr(this.drop, "aria-label", `Remove the view ${name}`);
  }
}
