/** The bar above a run: search in it with count and next, beside the ways to errors and the like (`jump-bar.ts`). */

import { byId, h, icon, setAttr, setText } from "../../browser/dom";
import type { KeyBinding } from "../../browser/keys";
import { type Finding, type Found, RunFind } from "../../run/find/find";
import { MAX_QUERY } from "../../run/find/find-query";
import type { Api } from "../../service/api";
import type { Jump } from "../../service/wire";
import type { RunStore } from "../../store";
import { countText, excerpt, hiddenMatch, looseText } from "./find-words";
import { type JumpActions, JumpBar } from "./jump-bar";
import { MatchMarks } from "./match-marks";

export interface FindActions extends JumpActions {
  /** Brings a span into sight, without choosing it. */
  show(spanId: string): void;
  /** Something else is searched for now: it belongs into the address. */
  searched(query: string): void;
  /** What is found now, to be marked. */
  found(finding: Finding): void;
  /** The keyboard leaves the bar. */
  leave(): void;
}

export class FindBar {
  private readonly actions: FindActions;
  private readonly find: RunFind;
  private readonly marks = new MatchMarks(byId("trace-rows"), ".row-name, .row-note", "found");
  private readonly bar = byId("run-find");
  private readonly input = h("input", {
    id: "find-input",
    type: "search",
    maxlength: MAX_QUERY,
    placeholder: "Search spans, attributes, errors, logs",
    autocomplete: "off",
    spellcheck: "false",
    "aria-keyshortcuts": "/",
    "aria-describedby": "find-count",
    title:
      "Words, or status:error, kind:tool, backend:…, model:…, any attribute:value, is:unpriced, is:fallback",
  });
  private readonly count = h("span", { id: "find-count", class: "find-count", role: "status" });
  private readonly where = h("span", { class: "find-where" });
  private readonly steps: HTMLElement;
  private readonly jumps: JumpBar;
  private store: RunStore | null = null;
  /** The first hit was not brought into sight yet. */
  private unseen = false;
  /** The run is on the screen: before that nothing can be brought into sight. */
  private drawn = false;

  constructor(api: Pick<Api, "search" | "jump">, actions: FindActions) {
    this.actions = actions;
    this.find = new RunFind(api, () => this.found());
    this.steps = h(
      "span",
      { class: "find-steps", role: "group", "aria-label": "Matches" },
      this.stepButton("up", "Previous match", "N", -1),
      this.stepButton("down", "Next match", "n", 1),
      this.clearButton(),
    );
    this.jumps = new JumpBar(api, actions);
    this.keys = [
      { keys: ["/"], does: "Search in the run", act: () => this.focus() },
      { keys: ["n"], does: "Next match", act: () => this.step(1) },
      { keys: ["N"], does: "Previous match", act: () => this.step(-1) },
      ...this.jumps.keys,
      { keys: ["Escape"], does: "End the search", act: () => this.clear() },
    ];
    this.build();
    this.input.addEventListener("input", () => this.search(this.input.value));
    this.input.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** What the keyboard can do here, for the page's table. */
  readonly keys: readonly KeyBinding[];

  open(runId: string, store: RunStore, query: string): void {
    this.store = store;
    this.input.value = query;
    this.unseen = query !== "";
    this.drawn = false;
    this.jumps.open(runId, store);
    this.find.open(runId, store, query);
    this.draw();
  }

  close(): void {
    this.store = null;
    this.jumps.close();
    this.input.value = "";
    this.find.close();
  }

  /** The address names another search in the run that is open. */
  set(query: string): void {
    if (query === this.find.query) return;
    this.input.value = query;
    this.find.set(query);
  }

  get query(): string {
    return this.find.query;
  }

  /** Searches for it and goes to the first hit, as the counts above the run do. */
  searchAndGo(query: string): void {
    this.search(query);
    if (query !== "is:error" || !this.jumps.jump("error", null)) {
      const first = this.find.hits[0]?.id;
      if (first !== undefined) this.actions.go(first);
    }
    this.input.focus();
  }

  /** Goes to the next span of a kind; false where there is none. */
  jump(jump: Jump): boolean {
    return this.jumps.jump(jump);
  }

  focus(): boolean {
    if (!this.store || !this.bar.checkVisibility()) return false;
    this.input.focus();
    this.input.select();
    return true;
  }

  /** Follows the store. */
  draw(): void {
    this.find.refresh(performance.now());
    this.showFirst();
    this.drawState();
  }

  private build(): void {
    const field = h(
      "label",
      { class: "filter find-field" },
      icon("search"),
      h("span", { class: "sr-only" }, "Search in the run"),
      this.input,
      h("kbd", { class: "key", "aria-hidden": "true" }, "/"),
    );
    this.bar.append(
      h("div", { class: "find-search", role: "search" }, field, this.count, this.steps, this.where),
      this.jumps.element,
    );
  }

  private stepButton(glyph: string, text: string, key: string, by: 1 | -1): HTMLButtonElement {
    return h(
      "button",
      {
        class: "button-icon small",
        type: "button",
        "aria-label": text,
        "aria-keyshortcuts": key,
        title: `${text} (${by > 0 ? "N" : "Shift+N"})`,
        onclick: () => this.step(by),
      },
      icon(glyph),
    );
  }

  private clearButton(): HTMLButtonElement {
    const end = () => {
      this.clear();
      this.input.focus();
    };
    return h(
      "button",
      {
        class: "button-icon small",
        type: "button",
        "aria-label": "End the search",
        title: "End the search (Esc)",
        onclick: end,
      },
      icon("close"),
    );
  }

  private search(query: string): void {
    this.unseen = true;
    this.input.value = query;
    this.find.set(query);
    this.actions.searched(query);
  }

  private clear(): boolean {
    if (this.find.query === "" && this.input.value === "") return false;
    this.search("");
    return true;
  }

  private step(by: 1 | -1): boolean {
    const hit = this.find.step(this.actions.chosen(), by);
    if (hit) this.actions.go(hit.id);
    return hit !== undefined;
  }

  private onKey(event: KeyboardEvent): void {
    if (event.isComposing || event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key === "Enter") this.step(event.shiftKey ? -1 : 1);
    else if (event.key === "ArrowDown") this.actions.leave();
    else if (event.key === "Escape") {
      if (!this.clear()) this.actions.leave();
    } else return;
    event.preventDefault();
  }

  /** The hits have changed. */
  private found(): void {
    if (this.drawn) this.showFirst();
    this.drawState();
  }

  /** Of a new search the first hit is brought into sight, once. */
  private showFirst(): void {
    this.drawn = true;
    const first = this.find.hits[0];
    // A run that is here in parts brings what is asked for.
    if (!this.unseen || !first || !(this.store?.spans.has(first.id) || this.store?.whole)) return;
    this.unseen = false;
    if (this.find.indexOf(this.actions.chosen()) < 0) this.actions.show(first.id);
  }

  private drawState(): void {
    const { find } = this;
    const searches = find.terms.length > 0;
    const at = find.indexOf(this.actions.chosen());
    setText(this.count, searches ? countText(find, at) : "");
    setAttr(this.count, "data-problem", find.problem ? "" : null);
    setAttr(this.count, "title", looseText(find));
    this.steps.hidden = !searches;
    this.drawWhere(find.hits[at]);
    setAttr(this.bar, "data-searching", searches ? "" : null);
    this.marks.show(find.hits, find.terms);
    this.actions.found(find);
    this.jumps.draw();
  }

  /** Where the chosen hit was found, where its row does not show it. */
  private drawWhere(hit: Found | undefined): void {
    const match = hiddenMatch(hit);
    const key = match ? JSON.stringify(match) : "";
    if (this.where.dataset.key === key) return;
    this.where.dataset.key = key;
    this.where.replaceChildren(...(match ? excerpt(match) : []));
  }
}
