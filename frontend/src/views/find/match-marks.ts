/** Marks what was found in elements that come and go while one scrolls: rows of the tree, items of the transcript. */
import { setAttr } from "../../browser/dom";
import type { Found } from "../../run/find/find";
import type { Term } from "../../run/find/find-query";

/** Fields whose text stands in a row. */
const SHOWN = new Set(["", "name", "error", "backend", "model"]);

export class MatchMarks {
  private readonly rows: HTMLElement;
  /** Within a row, what letters are marked in. */
  private readonly cells: string;
  /** Of the letters that are marked; each place has one of its own. */
  private readonly name: string;
  private readonly observer = new MutationObserver(() => this.mark());
  private ids: ReadonlySet<string> = new Set();
  private texts: readonly string[] = [];
  private hits: readonly Found[] = [];

  /** `rows` holds elements that name their span, at any depth. */
  constructor(rows: HTMLElement, cells: string, name: string) {
    this.rows = rows;
    this.cells = cells;
    this.name = name;
  }

  /** Cheap where nothing has changed. `ids`: what is marked, where that is not the spans themselves. */
  show(hits: readonly Found[], terms: readonly Term[], ids?: ReadonlySet<string>): void {
    if (hits === this.hits && (ids === undefined || isSame(ids, this.ids))) return;
    const was = this.hits.length;
    this.hits = hits;
    this.ids = ids ?? idsOf(hits);
    this.texts = terms.filter(({ key }) => SHOWN.has(key)).map(({ text }) => text);
    if (hits.length === 0) this.observer.disconnect();
    else if (was === 0)
      // Before the next frame is drawn: a row that is used for another span never shows the mark of the one before.
      this.observer.observe(this.rows, {
        subtree: true,
        childList: true,
        characterData: true,
        attributeFilter: ["data-span-id"],
      });
    this.mark();
  }

  private mark(): void {
    const ranges: Range[] = [];
    for (const row of this.rows.querySelectorAll<HTMLElement>("[data-span-id]")) {
      const { spanId } = row.dataset;
      const found = spanId !== undefined && this.ids.has(spanId);
      setAttr(row, "data-found", found ? "" : null);
      if (found) for (const cell of row.querySelectorAll(this.cells)) ranges.push(...this.ranges(cell));
    }
    // Colours letters without touching the row's elements; where a browser lacks it, the row's own mark has to do.
    if (!("highlights" in CSS)) return;
    if (ranges.length > 0) CSS.highlights.set(this.name, new Highlight(...ranges));
    else CSS.highlights.delete(this.name);
  }

  private ranges(cell: Element): Range[] {
    const ranges: Range[] = [];
    const walker = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      const text = node.textContent?.toLowerCase() ?? "";
      // With another length the letters stand elsewhere than in what is shown.
      if (text.length !== node.textContent?.length) continue;
      for (const wanted of this.texts) {
        const at = text.indexOf(wanted);
        if (at < 0) continue;
        const range = new Range();
        range.setStart(node, at);
        range.setEnd(node, at + wanted.length);
        ranges.push(range);
      }
    }
    return ranges;
  }
}

export function idsOf(hits: readonly Found[]): ReadonlySet<string> {
  return new Set(hits.map(({ id }) => id));
}

function isSame(ids: ReadonlySet<string>, others: ReadonlySet<string>): boolean {
  return ids.size === others.size && [...ids].every((id) => others.has(id));
}
