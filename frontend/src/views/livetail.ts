/** Every event of the run by time: windowed, filtered, paused on demand, followed only from its end. */
import { byId, h, icon, setAttr, setIcon, setText } from "../browser/dom";
import { type Family, family, label, summary, tone } from "../run/events";
import { indexAt, TailFilter } from "../run/tail-filter";
import type { TailEvent } from "../service/wire";
import { isUnpriced, type RunStore, TAIL_LIMIT } from "../store";
import { costNano, count, money, timeOfDay } from "../text/format";
import { visible } from "../text/visible";
import { BackendMark } from "./backend-mark";
import { type RowView, WindowedList } from "./windowed";

export const TAIL_ROW_HEIGHT = 28;

const FAMILY_ICONS: Readonly<Record<Family, string>> = {
  pipeline: "pipeline",
  layer: "layers",
  phase: "phase",
  subphase: "subphase",
  llm_call: "spark",
  log: "lines",
  decision: "branch",
  step: "dot",
  other: "dot",
};

export interface LivetailActions {
  select(spanId: string): void;
  /** The user is at the oldest event shown, or looks for something: more may be fetched. */
  earlier(): void;
  /** How many events of the run are older than those that are here. */
  older(): number;
}

export class LivetailView {
  private readonly viewport = byId("tail-viewport");
  private readonly filter = byId<HTMLInputElement>("tail-filter");
  private readonly pause = byId<HTMLButtonElement>("tail-pause");
  private readonly pauseIcon: SVGSVGElement;
  private readonly pauseText = byId("tail-pause-text");
  private readonly info = byId("tail-info");
  private readonly jump = byId<HTMLButtonElement>("tail-jump");
  private readonly empty = byId("tail-empty");
  private readonly list: WindowedList<TailEvent>;
  private readonly actions: LivetailActions;
  private store: RunStore | null = null;
  private items: readonly TailEvent[] = [];
  private paused = false;
  private follow = true;
  private pausedAt = 0;
  private drawnVersion = -1;
  private readonly wanted = new TailFilter();

  constructor(actions: LivetailActions) {
    this.actions = actions;
    this.pauseIcon = icon("pause");
    this.pause.prepend(this.pauseIcon);
    this.list = new WindowedList<TailEvent>({
      viewport: this.viewport,
      canvas: byId("tail-rows"),
      rowHeight: TAIL_ROW_HEIGHT,
      key: (event) => String(event.seq),
      create: () => new TailRow((id) => this.nameOf(id)),
      onScroll: () => this.onScroll(),
      // A panel that was hidden or resized has not been scrolled by anyone: the end stays the end.
      onResize: () => this.keepEnd(),
    });
    this.filter.addEventListener("input", () => {
      this.wanted.set(this.filter.value);
      this.drawnVersion = -1;
      this.follow = true;
      this.draw();
    });
    this.filter.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || this.filter.value === "") return;
      event.stopPropagation();
      this.filter.value = "";
      this.filter.dispatchEvent(new Event("input"));
    });
    this.pause.addEventListener("click", () => this.setPaused(!this.paused));
    this.jump.addEventListener("click", () => {
      this.setPaused(false);
      this.follow = true;
      this.keepEnd();
      this.drawInfo();
    });
    // Rows move while events come: what counts is the row that was under the pointer when it went down.
    let pressed: string | undefined;
    this.viewport.addEventListener("pointerdown", (event) => {
      pressed = spanAt(event.target);
    });
    this.viewport.addEventListener("click", (event) => {
      const id = pressed ?? spanAt(event.target);
      pressed = undefined;
      if (id && this.store?.spans.has(id)) this.actions.select(id);
    });
  }

  open(store: RunStore): void {
    this.store = store;
    this.paused = false;
    this.follow = true;
    this.drawnVersion = -1;
    this.items = [];
    this.wanted.forget();
    this.list.setItems([], 0);
    this.drawPause();
    this.draw();
  }

  draw(): void {
    const store = this.store;
    if (!store || store.tailVersion === this.drawnVersion) return;
    if (this.paused && this.drawnVersion >= 0) {
      this.drawInfo();
      return;
    }
    this.drawnVersion = store.tailVersion;
    const top = this.list.scrollTop;
    const topAt = Math.floor(top / TAIL_ROW_HEIGHT);
    const anchor = this.items[topAt];
    this.items = this.wanted.of(store.tail, (id) => this.nameOf(id));
    let scrollTop: number | undefined;
    if (this.follow) scrollTop = this.items.length * TAIL_ROW_HEIGHT;
    else if (anchor) scrollTop = top + (indexAt(this.items, anchor.seq) - topAt) * TAIL_ROW_HEIGHT;
    this.list.setItems(this.items, scrollTop);
    this.drawInfo();
    // What is looked for may be older than what is here.
    if (this.wanted.isSet && store.tail.length < TAIL_LIMIT) this.actions.earlier();
  }

  private nameOf(spanId: string | undefined): string {
    return (spanId && this.store?.spans.get(spanId)?.name) || "";
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
    if (this.list.atStart && !follow) this.actions.earlier();
  }

  private setPaused(paused: boolean): void {
    if (paused === this.paused) return;
    this.paused = paused;
    const store = this.store;
    this.pausedAt = store ? store.nextIndex : 0;
    this.drawPause();
    this.drawnVersion = paused ? (store?.tailVersion ?? 0) : -1;
    this.draw();
    this.drawInfo();
  }

  private drawPause(): void {
    setIcon(this.pauseIcon, this.paused ? "play" : "pause");
    setText(this.pauseText, this.paused ? "Resume" : "Pause");
    this.pause.setAttribute("aria-pressed", String(this.paused));
  }

  private drawInfo(): void {
    const store = this.store;
    if (!store) return;
    const total = count(store.tail.length);
    const shown = this.wanted.isSet ? `${count(this.items.length)} of ${total}` : total;
    const parts = [shown];
    const older = this.wanted.isSet ? this.actions.older() : 0;
    if (older > 0) parts.push(`${count(older)} older not searched`);
    if (this.paused) parts.push(`paused, ${count(Math.max(0, store.nextIndex - this.pausedAt))} new`);
    setText(this.info, parts.join(" · "));
    this.jump.hidden = this.follow && !this.paused;
    this.empty.hidden = this.items.length > 0;
    setText(
      this.empty,
      store.tail.length > 0
        ? "No event matches the filter."
        : "No events yet. They appear here as they happen.",
    );
  }
}

function spanAt(target: EventTarget | null): string | undefined {
  const row = target instanceof Element ? target.closest<HTMLElement>("[data-event-span]") : null;
  return row?.dataset.eventSpan;
}

class TailRow implements RowView<TailEvent> {
  readonly element: HTMLElement;
  private readonly nameOf: (spanId: string | undefined) => string;
  private readonly time = h("span", { class: "tail-time" });
  private readonly glyph = icon("dot", "tail-icon");
  private readonly event = h("span", { class: "tail-event" });
  private readonly span = h("span", { class: "tail-span" });
  private readonly mark = new BackendMark();
  private readonly text = h("span", { class: "tail-text" });
  private readonly cost = h("span", { class: "tail-cost" });
  private drawn: TailEvent | null = null;

  constructor(nameOf: (spanId: string | undefined) => string) {
    this.nameOf = nameOf;
    this.element = h(
      "div",
      { class: "tail-row", role: "listitem" },
      this.time,
      this.glyph,
      this.event,
      this.span,
      h("span", { class: "tail-message" }, this.mark.element, this.text),
      this.cost,
    );
  }

  update(event: TailEvent): void {
    const name = event.name && event.event !== "log" ? event.name : this.nameOf(event.span_id);
    setText(this.span, visible(name));
    setAttr(this.text, "data-name", name || null);
    if (this.drawn === event) return;
    this.drawn = event;
    setAttr(this.element, "data-seq", String(event.seq));
    setAttr(this.element, "data-event", event.event);
    setAttr(this.element, "data-event-span", event.span_id ?? null);
    setAttr(this.element, "data-family", family(event.event));
    setAttr(this.element, "data-tone", tone(event));
    setText(this.time, timeOfDay(event.ts));
    setIcon(this.glyph, FAMILY_ICONS[family(event.event)]);
    setText(this.event, label(event));
    this.mark.update(event);
    const text = summary(event);
    setText(this.text, visible(text));
    setAttr(this.text, "title", text || null);
    const nano = costNano(event);
    const price = nano !== undefined ? money(nano) : isUnpriced(event) ? "unpriced" : "";
    setText(this.cost, price);
  }
}
