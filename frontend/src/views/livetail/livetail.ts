/** Every event of the run as it came in: windowed, narrowed, paused on demand, followed only from its end. */

import { byId, copyText, setAttr } from "../../browser/dom";
import { spanName } from "../../run/tail/events";
import { indexAt, TailFilter } from "../../run/tail/tail-filter";
import { LateMarks } from "../../run/tail/tail-order";
import type { TailEvent } from "../../service/wire";
import type { RunStore } from "../../store";
import { WindowedList } from "../windowed";
import { OpenEvent } from "./open-event";
import { TailControls } from "./tail-controls";
import { itemRow, tailItems } from "./tail-items";
import { tailMove } from "./tail-move";
import { TailNotes } from "./tail-notes";
import { TailPace } from "./tail-pace";
import { listenToClicks } from "./tail-pointer";
import { isBelow, lineOf, rowId, type TailItem, TailRow } from "./tail-row";
import { type OlderPage, TailSearch } from "./tail-search";

const TAIL_ROW_HEIGHT = 28;

export interface LivetailActions {
  select(spanId: string): void;
  /** The user is at the oldest event shown: more may be fetched. */
  earlier(): void;
  /** How many events of the run are older than those that are here. */
  older(): number;
  /** The oldest seq that the run still has. */
  first(): number;
  /** Events before a seq, not kept by the page; null where they cannot be had now. */
  page(before: number): Promise<OlderPage | null>;
  /** The livetail shows the events of this backend alone; empty for those of all. */
  narrowedTo(backend: string): void;
}

export class LivetailView {
  private readonly viewport = byId("tail-viewport");
  private readonly notes: TailNotes;
  private readonly controls: TailControls;
  private readonly list: WindowedList<TailItem>;
  private readonly opened = new OpenEvent(byId("tail-rows"), TAIL_ROW_HEIGHT);
  private readonly actions: LivetailActions;
  private readonly wanted = new TailFilter();
  private readonly late = new LateMarks();
  private readonly search: TailSearch;
  private store: RunStore | null = null;
  private events: readonly TailEvent[] = [];
  /** The events, and the place of the open one's fields. */
  private items: readonly TailItem[] = [];
  private paused = false;
  private follow = true;
  private pausedAt = 0;
  private drawnVersion = -1;
  private readonly pace = new TailPace(() => this.draw());
  private activeSeq: number | null = null;

  constructor(actions: LivetailActions) {
    this.actions = actions;
    const nameOf = (event: TailEvent) => this.nameOf(event);
    this.search = new TailSearch(this.wanted, this.late, {
      page: (before) => actions.page(before),
      nameOf,
      changed: () => this.again(),
    });
    const self = this;
    const context = {
      late: this.late,
      nameOf,
      knows: (id: string | undefined) => id !== undefined && this.store?.spans.has(id) === true,
      get openSeq() {
        return self.opened.seq;
      },
      get activeSeq() {
        return self.activeSeq;
      },
      get fields() {
        return self.opened.element;
      },
    };
    this.list = new WindowedList<TailItem>({
      viewport: this.viewport,
      canvas: byId("tail-rows"),
      rowHeight: TAIL_ROW_HEIGHT,
      key: (item) => (isBelow(item) ? `${item.below}+${item.part}` : String(item.seq)),
      create: () => new TailRow(context),
      isScreenOnly: true,
      get ahead() {
        return self.opened.ahead;
      },
      onScroll: () => this.onScroll(),
      // A panel that was hidden or resized has not been scrolled by anyone: the end stays the end.
      onResize: () => this.keepEnd(),
    });
    this.controls = new TailControls({
      narrowed: (wanted) => {
        this.wanted.set(wanted);
        this.search.reset();
        this.follow = true;
        actions.narrowedTo(wanted.backend);
        this.again();
      },
      paused: (paused) => this.setPaused(paused),
    });
    this.notes = new TailNotes({
      further: () => {
        this.search.further(actions.first());
        this.drawInfo();
      },
      jump: () => {
        this.setPaused(false);
        this.follow = true;
        this.keepEnd();
        this.drawInfo();
      },
    });
    this.listen();
  }

  open(store: RunStore): void {
    this.store = store;
    this.paused = false;
    this.follow = true;
    this.events = [];
    this.activeSeq = null;
    this.opened.close();
    this.wanted.forget();
    this.search.reset();
    this.list.setItems([], 0);
    this.controls.showPaused(false);
    this.controls.forgetBackend();
    this.again();
  }

  /** Shows the events of a backend alone, or with "" those of all. */
  narrowTo(backend: string): void {
    this.controls.put({ backend });
  }

  draw(): void {
    const { store } = this;
    if (!store || store.tailVersion === this.drawnVersion) return;
    if (this.paused && this.drawnVersion >= 0) {
      this.drawInfo();
      return;
    }
    if (this.drawnVersion >= 0 && this.pace.waits(store.nextIndex, this.list.pageRows)) return;
    this.drawnVersion = store.tailVersion;
    this.pace.drawn(store.nextIndex);
    this.late.look(store.tail);
    const top = this.list.scrollTop;
    const topAt = Math.floor(top / TAIL_ROW_HEIGHT);
    const anchor = this.items[topAt];
    this.events = this.wanted.of(store.tail, (event) => this.nameOf(event));
    this.place();
    let scrollTop: number | undefined;
    if (this.follow) scrollTop = this.items.length * TAIL_ROW_HEIGHT;
    else if (anchor) scrollTop = top + (this.indexOf(anchor) - topAt) * TAIL_ROW_HEIGHT;
    this.list.setItems(this.items, scrollTop);
    this.search.go(this.actions.first());
    this.drawInfo();
  }

  /** The events with the fields of the open one below it. */
  private place(): void {
    this.items = tailItems(this.events, this.opened);
  }

  private indexOf(item: TailItem): number {
    return itemRow(item, this.events, this.opened);
  }

  private again(): void {
    this.drawnVersion = -1;
    this.draw();
  }

  private nameOf(event: TailEvent): string {
    return spanName(event, event.span_id === undefined ? undefined : this.store?.spans.get(event.span_id));
  }

  private keepEnd(): void {
    if (this.follow) this.list.setItems(this.items, this.list.endScroll);
  }

  private onScroll(): void {
    const follow = this.list.atEnd;
    if (follow !== this.follow) {
      this.follow = follow;
      this.drawInfo();
    }
    if (this.list.atStart && !follow && !this.wanted.isSet) this.actions.earlier();
  }

  private setPaused(paused: boolean): void {
    if (paused === this.paused) return;
    this.paused = paused;
    const store = this.store;
    this.pausedAt = store ? store.nextIndex : 0;
    this.controls.showPaused(paused);
    this.drawnVersion = paused ? (store?.tailVersion ?? 0) : -1;
    this.draw();
    this.drawInfo();
  }

  // Pointer and keyboard

  private listen(): void {
    const { viewport } = this;
    listenToClicks(viewport, {
      span: (spanId) => {
        const isHere = this.store?.spans.has(spanId) === true;
        if (isHere) this.actions.select(spanId);
        return isHere;
      },
      event: (seq) => this.toggle(seq),
    });
    viewport.addEventListener("keydown", (event) => {
      if (event.target !== viewport || event.ctrlKey || event.metaKey || event.altKey) return;
      if (!this.onKey(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
    });
  }

  private onKey(key: string): boolean {
    const at = this.activeSeq === null ? -1 : indexAt(this.events, this.activeSeq);
    const event = this.events[at];
    const move = tailMove(key, {
      at: event ? at : -1,
      last: this.events.length - 1,
      isOpen: event !== undefined && this.opened.seq === event.seq,
      page: this.list.pageRows,
    });
    if (move === null) return false;
    if (typeof move === "object") this.activate(move.to);
    else if (event && move === "toggle") this.toggle(event.seq);
    else if (event) void copyText(lineOf(event, this.nameOf(event)));
    return true;
  }

  private activate(at: number): void {
    const event = this.events[at];
    if (!event) return;
    this.activeSeq = event.seq;
    this.follow = at === this.events.length - 1 && this.list.atEnd;
    this.list.reveal(this.indexOf(event));
    this.list.render();
    setAttr(this.viewport, "aria-activedescendant", rowId(event.seq));
    this.drawInfo();
  }

  /** Opens an event's fields below it, or closes them. */
  private toggle(seq: number): void {
    const event = this.events[indexAt(this.events, seq)];
    if (event?.seq !== seq) return;
    this.activeSeq = seq;
    setAttr(this.viewport, "aria-activedescendant", rowId(seq));
    if (this.opened.seq === seq) this.opened.close();
    else {
      // It stays where it is while one reads in it.
      this.follow = false;
      const { span_id: id } = event;
      const name = this.nameOf(event);
      this.opened.show(event, {
        spanName: name,
        late: this.late.of(event),
        line: lineOf(event, name),
        goToSpan: id && this.store?.spans.has(id) ? () => this.actions.select(id) : null,
      });
    }
    this.place();
    const top = this.list.scrollTop;
    this.list.setItems(this.items, top);
    if (this.opened.seq === seq) {
      this.list.reveal(this.indexOf(event) + this.opened.below.length);
      this.list.reveal(this.indexOf(event));
    }
    this.drawInfo();
  }

  private drawInfo(): void {
    const store = this.store;
    if (!store) return;
    const { isSet, searchedFrom } = this.wanted;
    const first = this.actions.first();
    const { isBusy, hasFailed } = this.search;
    const left = isSet ? Math.max(0, searchedFrom - first) : 0;
    this.notes.draw(
      {
        shown: this.events.length,
        here: store.tail.length,
        isLoaded: store.epoch !== null,
        older: this.actions.older(),
        first,
        missed: this.paused ? Math.max(0, store.nextIndex - this.pausedAt) : null,
        search: isSet ? { left, isBusy, hasFailed } : null,
      },
      this.follow && !this.paused,
    );
    setAttr(this.viewport, "aria-rowcount", String(this.items.length));
  }
}
