/** The command palette: one field from which every place and every action of the page is reached by a few letters. */
import { h, icon, setAttr } from "../../browser/dom";
import { isMac, keyName } from "../../browser/keys";
import { type FuzzyMatch, fuzzy } from "../../text/fuzzy";
import { visible } from "../../text/visible";

export interface Command {
  /** Runs, views, actions, … */
  readonly group: string;
  readonly title: string;
  /** A word more, beside the title: not searched. */
  readonly note?: string;
  readonly icon?: string;
  /** The key that does the same, as `KeyBinding.keys` names it. */
  readonly key?: string | undefined;
  run(): void;
}

/** Commands of the moment; what stands in the field, for sources that search themselves. */
export type CommandSource = (query: string) => readonly Command[];

const MOST_OF_GROUP = 8;
const MOST = 40;

interface Row {
  readonly command: Command;
  readonly match: FuzzyMatch;
}

export class Palette {
  private readonly source: CommandSource;
  private readonly list = h("div", {
    id: "palette-list",
    class: "palette-list",
    role: "listbox",
    "aria-label": "Results",
  });
  private readonly input = h("input", {
    class: "palette-input",
    role: "combobox",
    type: "text",
    maxlength: 200,
    placeholder: "Go to a run, a span, a page, or do something",
    autocomplete: "off",
    spellcheck: "false",
    "aria-label": "Go to or do",
    "aria-controls": "palette-list",
    "aria-expanded": "true",
    "aria-autocomplete": "list",
  });
  private readonly said = h("p", { class: "sr-only", role: "status" });
  private readonly none = h("p", { class: "palette-none" }, "Nothing of that name.");
  private readonly dialog = h(
    "dialog",
    { id: "palette", class: "dialog palette", "aria-label": "Command palette" },
    h(
      "div",
      { class: "dialog-box" },
      h("div", { class: "palette-head" }, icon("search"), this.input),
      this.list,
      this.none,
      this.said,
    ),
  );
  private rows: readonly Row[] = [];
  private at = 0;

  constructor(source: CommandSource) {
    this.source = source;
    document.body.append(this.dialog);
    this.input.addEventListener("input", () => this.draw());
    this.dialog.addEventListener("keydown", (event) => this.onKey(event));
    this.dialog.addEventListener("pointerdown", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    // The field keeps the focus: a row is pressed, not focused.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const row = event.target instanceof Element ? event.target.closest<HTMLElement>("[role=option]") : null;
      if (row) this.run(Number(row.dataset.at));
    });
  }

  /** Opens it, or closes it where it is open. */
  toggle(): void {
    if (this.dialog.open) {
      this.dialog.close();
      return;
    }
    this.input.value = "";
    this.draw();
    this.dialog.showModal();
    this.input.focus();
  }

  private draw(): void {
    const query = this.input.value.trim();
    this.rows = ranked(this.source(query), query);
    this.at = 0;
    const groups = new Map<string, HTMLElement>();
    this.rows.forEach(({ command, match }, index) => {
      let group = groups.get(command.group);
      if (!group) {
        const title = h("div", { class: "palette-group", "aria-hidden": "true" }, command.group);
        group = h("div", { role: "group", "aria-label": command.group }, title);
        groups.set(command.group, group);
      }
      group.append(optionOf(command, match, index));
    });
    this.list.replaceChildren(...groups.values());
    this.list.scrollTop = 0;
    this.none.hidden = this.rows.length > 0;
    this.said.textContent = `${this.rows.length} results`;
    this.mark();
  }

  private mark(): void {
    for (const row of this.list.querySelectorAll<HTMLElement>("[role=option]")) {
      const chosen = row.dataset.at === String(this.at);
      setAttr(row, "aria-selected", String(chosen));
      if (chosen) row.scrollIntoView({ block: "nearest" });
    }
    setAttr(this.input, "aria-activedescendant", this.rows.length > 0 ? `palette-${this.at}` : null);
  }

  private onKey(event: KeyboardEvent): void {
    if (event.isComposing) return;
    const last = this.rows.length - 1;
    if (event.key === "ArrowDown") this.at = this.at >= last ? 0 : this.at + 1;
    else if (event.key === "ArrowUp") this.at = this.at <= 0 ? Math.max(0, last) : this.at - 1;
    else if (event.key === "PageDown") this.at = Math.max(0, Math.min(last, this.at + 10));
    else if (event.key === "PageUp") this.at = Math.max(0, this.at - 10);
    else if (event.key === "Enter") this.run(this.at);
    else return;
    event.preventDefault();
    this.mark();
  }

  private run(at: number): void {
    const command = this.rows[at]?.command;
    if (!command) return;
    this.dialog.close();
    command.run();
  }
}

/** The best of each group, the groups by their best. Without a query all as they come. */
function ranked(commands: readonly Command[], query: string): Row[] {
  const groups = new Map<string, Row[]>();
  for (const command of commands) {
    const match = fuzzy(query, command.title);
    if (!match) continue;
    const rows = groups.get(command.group) ?? [];
    rows.push({ command, match });
    groups.set(command.group, rows);
  }
  const best = (rows: readonly Row[]) => rows[0]?.match.score ?? 0;
  const sorted = [...groups.values()];
  if (query !== "") {
    for (const rows of sorted) rows.sort((a, b) => b.match.score - a.match.score);
    sorted.sort((a, b) => best(b) - best(a));
  }
  return sorted.flatMap((rows) => rows.slice(0, MOST_OF_GROUP)).slice(0, MOST);
}

function optionOf(command: Command, match: FuzzyMatch, index: number): HTMLElement {
  return h(
    "div",
    { id: `palette-${index}`, class: "palette-row", role: "option", "data-at": String(index) },
    icon(command.icon ?? "chevron", "glyph"),
    h("span", { class: "palette-title" }, ...letters(command.title, match)),
    command.note ? h("span", { class: "palette-note" }, visible(command.note)) : null,
    command.key ? h("kbd", { class: "key" }, keyName(command.key, isMac())) : null,
  );
}

/** A title with the letters marked that were found. */
function letters(title: string, { at }: FuzzyMatch): Node[] {
  // Control characters would be shown by longer signs: then the places do not fit.
  if (visible(title) !== title || (at.at(-1) ?? 0) >= title.length)
    return [document.createTextNode(visible(title))];
  const nodes: Node[] = [];
  let from = 0;
  for (let index = 0; index < at.length; ) {
    const begin = at[index] ?? 0;
    let end = begin + 1;
    for (index++; at[index] === end; index++) end++;
    nodes.push(document.createTextNode(title.slice(from, begin)), h("b", {}, title.slice(begin, end)));
    from = end;
  }
  nodes.push(document.createTextNode(title.slice(from)));
  return nodes;
}
