/** The runs of a session, page by page. Those that cannot change any more are not asked for again. No DOM. */
import type { RunSummary } from "../../service/wire";
import type { SessionAnswer } from "../../service/wire-sessions";
import { isAlive } from "../run-list";

/** A page of the session's runs, those behind `cursor`. */
export type AskPage = (cursor: string | null) => Promise<SessionAnswer>;

interface Page {
  readonly items: readonly RunSummary[];
  readonly next: string | null;
}

export class SessionPages {
  /** How many pages are shown, where there are so many. */
  private wanted = 1;
  private pages: Page[] = [];

  clear(): void {
    this.wanted = 1;
    this.pages = [];
  }

  more(): void {
    this.wanted++;
  }

  /** The session as it is now, with the runs of all pages that are shown. */
  async read(ask: AskPage): Promise<SessionAnswer> {
    const first = await ask(null);
    const pages: Page[] = [pageOf(first)];
    for (let cursor = first.next_cursor; cursor !== null && pages.length < this.wanted; ) {
      const at = pages.length;
      const held = this.pages[at];
      const isSame = held !== undefined && this.pages[at - 1]?.next === cursor;
      // The last page may have got further runs.
      const page =
        isSame && held.next !== null && !held.items.some(isAlive) ? held : pageOf(await ask(cursor));
      pages.push(page);
      cursor = page.next;
    }
    this.pages = pages;
    return { ...first, items: pages.flatMap(({ items }) => items), next_cursor: pages.at(-1)?.next ?? null };
  }
}

function pageOf({ items, next_cursor: next }: SessionAnswer): Page {
  return { items, next };
}
