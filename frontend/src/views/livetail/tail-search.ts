/** Looks through the events that are older than the page holds, page by page, while a filter is set. */
import type { TailFilter } from "../../run/tail/tail-filter";
import type { LateMarks } from "../../run/tail/tail-order";
import type { TailEvent } from "../../service/wire";

/** Older events, and where the run's tail begins. */
export interface OlderPage {
  readonly events: readonly TailEvent[];
  readonly start: number;
}

export interface TailSearchOptions {
  /** The events before a seq; null where they cannot be had now. */
  page(before: number): Promise<OlderPage | null>;
  nameOf(event: TailEvent): string;
  changed(): void;
}

/** Events that are looked through by themselves; for more the reader is asked. */
const STEP = 20_000;

export class TailSearch {
  private readonly options: TailSearchOptions;
  private readonly filter: TailFilter;
  private readonly late: LateMarks;
  /** Older events may be looked through down to this seq. */
  private down: number | null = null;
  private failed = false;
  private asking: symbol | null = null;

  constructor(filter: TailFilter, late: LateMarks, options: TailSearchOptions) {
    this.filter = filter;
    this.late = late;
    this.options = options;
  }

  /** Forgets how far it has come: the filter is another one, or the run. */
  reset(): void {
    this.down = null;
    this.failed = false;
    this.asking = null;
  }

  get isBusy(): boolean {
    return this.asking !== null;
  }

  get hasFailed(): boolean {
    return this.failed;
  }

  /** Another step, on demand. */
  further(first: number): void {
    this.failed = false;
    this.down = Math.max(first, this.filter.searchedFrom - STEP);
    this.go(first);
  }

  /** Asks for the next page, if there is one to ask for. `first` is the oldest seq that the run still has. */
  go(first: number): void {
    const { searchedFrom } = this.filter;
    if (!this.filter.isSet || this.asking || this.failed || searchedFrom <= first) return;
    this.down ??= Math.max(first, searchedFrom - STEP);
    if (searchedFrom > this.down) void this.ask(searchedFrom);
  }

  private async ask(before: number): Promise<void> {
    const asking = Symbol();
    this.asking = asking;
    let page: OlderPage | null = null;
    try {
      page = await this.options.page(before);
    } catch {
      // Said where the count of events stands; the reader may try again.
    }
    if (this.asking !== asking) return;
    this.asking = null;
    if (!page) this.failed = true;
    else if (this.filter.searchedFrom === before) {
      // Events that are gone leave a hole: nothing is below what came.
      const start = page.events[0]?.seq ?? page.start;
      this.late.look(page.events);
      this.filter.older(page.events, Math.min(start, before), this.options.nameOf);
      if (page.events.length === 0) this.filter.older([], page.start, this.options.nameOf);
    }
    this.options.changed();
  }
}
