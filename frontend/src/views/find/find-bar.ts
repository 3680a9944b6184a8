/** The bar above a run: search in it with count and next, and the ways to errors, to what runs, is slow, is dear. */

import { byId, h, icon, setAttr, setText } from "../../browser/dom";
import type { KeyBinding } from "../../browser/keys";
import { rove } from "../../browser/roving";
import { type Found, RunFind } from "../../run/find/find";
import { MAX_QUERY } from "../../run/find/find-query";
import { type Jump, jumpTo, targets } from "../../run/find/jumps";
import type { Api } from "../../service/api";
import type { SearchMatch } from "../../service/wire";
import type { RunStore } from "../../store";
import { count } from "../../text/format";
import { visible } from "../../text/visible";
import { MatchMarks } from "./match-marks";

export interface FindActions {
  /** Chooses a span and brings it into sight. */
  go(spanId: string): void;
  /** Brings a span into sight, without choosing it. */
  show(spanId: string): void;
  /** The span that is chosen now. */
  chosen(): string | null;
  /** Something else is searched for now: it belongs into the address. */
  searched(query: string): void;
  /** The keyboard leaves the bar. */
  leave(): void;
  /** The service's clock, microseconds. */
  now(): number;
}

const JUMPS: readonly { jump: Jump; key: string; glyph: string; text: string; title: string }[] = [
  { jump: "error", key: "e", glyph: "error", text: "Error", title: "Next span in which an error began" },
  { jump: "running", key: "r", glyph: "running", text: "Running", title: "Next running span" },
  {
    jump: "slowest",
    key: "t",
    glyph: "hourglass",
    text: "Slowest",
    title: "Slowest span by its own time; again: the next one",
  },
  {
    jump: "dearest",
    key: "m",
    glyph: "coin",
    text: "Dearest",
    title: "Dearest span; again: the next one",
  },
];

export class FindBar {
  private readonly actions: FindActions;
  private readonly find: RunFind;
  private readonly marks = new MatchMarks();
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
  private readonly jumps: ReadonlyMap<Jump, HTMLButtonElement>;
  private store: RunStore | null = null;
  /** The first hit was not brought into sight yet. */
  private unseen = false;
  /** The run is on the screen: before that nothing can be brought into sight. */
  private drawn = false;

  constructor(api: Pick<Api, "search">, actions: FindActions) {
    this.actions = actions;
    this.find = new RunFind(api, () => this.found());
    this.steps = h(
      "span",
      { class: "find-steps", role: "group", "aria-label": "Matches" },
      this.stepButton("up", "Previous match", "N", -1),
      this.stepButton("down", "Next match", "n", 1),
      this.clearButton(),
    );
    this.jumps = new Map(JUMPS.map((each) => [each.jump, this.jumpButton(each)]));
    this.build();
    rove({ container: this.bar, items: ".find-jump", axis: "x" });
    this.input.addEventListener("input", () => this.search(this.input.value));
    this.input.addEventListener("keydown", (event) => this.onKey(event));
  }

  /** What the keyboard can do here, for the page's table. */
  readonly keys: readonly KeyBinding[] = [
    { keys: ["/"], does: "Search in the run", act: () => this.focus() },
    { keys: ["n"], does: "Next match", act: () => this.step(1) },
    { keys: ["N"], does: "Previous match", act: () => this.step(-1) },
    ...JUMPS.map(({ jump, key, title }) => ({ keys: [key], does: title, act: () => this.jump(jump) })),
    { keys: ["Escape"], does: "End the search", act: () => this.clear() },
  ];

  open(runId: string, store: RunStore, query: string): void {
    this.store = store;
    this.input.value = query;
    this.unseen = query !== "";
    this.drawn = false;
    this.find.open(runId, store, query);
    this.draw();
  }

  close(): void {
    this.store = null;
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
    const from = query === "is:error" && this.store ? targets(this.store, "error", 0)[0] : undefined;
    const first = from ?? this.find.hits[0]?.id;
    if (first !== undefined) this.actions.go(first);
    this.input.focus();
  }

  /** Goes to the next span of a kind; false where there is none. */
  jump(jump: Jump): boolean {
    if (!this.store) return false;
    const id = jumpTo(this.store, jump, this.actions.chosen(), this.actions.now());
    if (id !== undefined) this.actions.go(id);
    return id !== undefined;
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
      h(
        "div",
        { class: "find-jumps", role: "toolbar", "aria-label": "Go to" },
        h("span", { class: "find-jumps-text", "aria-hidden": "true" }, "Go to"),
        ...this.jumps.values(),
      ),
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

  private jumpButton({ jump, key, glyph, text, title }: (typeof JUMPS)[number]): HTMLButtonElement {
    return h(
      "button",
      {
        class: "button-quiet find-jump",
        type: "button",
        "aria-keyshortcuts": key,
        "aria-label": title,
        title: `${title} (${key.toUpperCase()})`,
        "data-jump": jump,
        onclick: () => this.jump(jump),
      },
      icon(glyph, "glyph"),
      h("span", {}, text),
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
    const { find, store } = this;
    const searches = find.terms.length > 0;
    const at = find.indexOf(this.actions.chosen());
    setText(this.count, searches ? countText(find, at) : "");
    setAttr(this.count, "data-problem", find.problem ? "" : null);
    setAttr(this.count, "title", looseText(find));
    this.steps.hidden = !searches;
    this.drawWhere(find.hits[at]);
    setAttr(this.bar, "data-searching", searches ? "" : null);
    this.marks.show(find.hits, find.terms);
    if (!store) return;
    this.enable("error", store.errors > 0);
    this.enable("running", store.running.size > 0);
    this.enable("slowest", store.spans.size > 0);
    this.enable(
      "dearest",
      store.tree.roots.some((root) => root.total.cost > 0),
    );
  }

  /** Not `disabled`: a button that has the focus would lose it while the run goes on. */
  private enable(jump: Jump, can: boolean): void {
    const button = this.jumps.get(jump);
    if (button) setAttr(button, "aria-disabled", can ? null : "true");
  }

  /** Where the chosen hit was found, where its row does not show it. */
  private drawWhere(hit: Found | undefined): void {
    const match = hit?.matches.find(
      ({ field }) => !["name", "status", "kind", "is", "backend"].includes(field),
    );
    const key = match ? JSON.stringify(match) : "";
    if (this.where.dataset.key === key) return;
    this.where.dataset.key = key;
    this.where.replaceChildren(...(match ? excerpt(match) : []));
  }
}

function excerpt({ field, before, match, after }: SearchMatch): Node[] {
  const text = (part: string) => visible(part.replace(/\s+/g, " "));
  const name = field.replace(/^attributes\./, "");
  return [
    h("span", { class: "find-field-name" }, visible(name)),
    document.createTextNode(` ${text(before.slice(-24))}`),
    h("mark", {}, text(match)),
    document.createTextNode(text(after)),
  ];
}

function countText(find: RunFind, at: number): string {
  const { hits, searching, problem, whole } = find;
  if (problem) return problem;
  const total = `${whole || searching ? "" : "at least "}${count(find.total)}${searching ? " …" : ""}`;
  if (hits.length === 0) return searching ? "Searching…" : whole ? "No match" : "No match so far";
  return at < 0 ? `${total} found` : `${count(at + 1)} of ${total}`;
}

function looseText({ loose, whole, searching, problem }: RunFind): string | null {
  const parts: string[] = [];
  if (loose > 0) parts.push(`Beside them ${count(loose)} log lines of no span`);
  if (!whole && !searching && !problem) parts.push("The run is too large to be searched whole");
  return parts.join("\n") || null;
}
