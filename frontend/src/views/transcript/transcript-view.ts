/** The run read from top to bottom: steps, what was asked and answered, tools, subagents. A shape of the run. */
import { h, icon, setText } from "../../browser/dom";
import type { Finding, Found } from "../../run/find/find";
import { type Item, transcriptItems } from "../../run/transcript/items";
import type { Api } from "../../service/api";
import type { RunStore } from "../../store";
import * as format from "../../text/format";
import { onTimesSwitched } from "../../text/when";
import { MatchMarks } from "../find/match-marks";
import type { RunShape } from "../run/run-shape";
import type { ItemContext } from "./item-parts";
import { PagedList } from "./paged-list";
import { SpanLoader } from "./span-loader";
import { TranscriptItem } from "./transcript-item";

/** As near to the end as this, the reader follows. */
const NEAR_PX = 48;
/** A large run is gone through less often. */
const LARGE = 5_000;
const LARGE_EVERY_MS = 500;

export interface TranscriptOptions {
  readonly element: HTMLElement;
  readonly api: Api;
  /** The run that is shown. */
  runId(): string;
  select(spanId: string | null): void;
  /** Brings more of what is not here below a span. */
  unfold(parentId: string): void;
  /** Brings a span that is not here. */
  reach(spanId: string): void;
}

export class TranscriptView implements RunShape {
  readonly view = "transcript";
  readonly title = "Transcript";
  readonly icon = "transcript";
  readonly element: HTMLElement;
  private readonly viewport = h("div", {
    class: "transcript-viewport",
    tabindex: 0,
    role: "group",
    "aria-label": "What happened",
  });
  private readonly column = h("div", { class: "transcript-column" });
  /** Of a run that is here in parts: what it is made of. */
  private readonly part = h("p", { class: "transcript-part", hidden: true });
  private readonly empty = h("p", { class: "transcript-empty" });
  private readonly jump = h(
    "button",
    { class: "tail-jump transcript-jump", type: "button", hidden: true },
    icon("down"),
    "Latest",
  );
  private readonly options: TranscriptOptions;
  private readonly loader: SpanLoader;
  private readonly list: PagedList<Item>;
  private readonly folded = new Set<string>();
  private readonly marks: MatchMarks;
  private finding: Finding | null = null;
  private hits: readonly Found[] = [];
  /** A span that is to be shown as soon as it is here. */
  private wanted: string | null = null;
  private context: ItemContext | null = null;
  private items: Item[] = [];
  private toolsOf = new Map<string, readonly string[]>();
  private version = -1;
  private madeAt = 0;
  private selected: string | null = null;
  private following = false;
  /** What was gone to stays in sight while texts above it still come, until the reader moves. */
  private held: { readonly spanId: string; readonly block: ScrollLogicalPosition } | null = null;
  /** Something of the run is here. */
  private begun = false;
  private asked = false;

  constructor(options: TranscriptOptions) {
    this.options = options;
    this.element = options.element;
    this.loader = new SpanLoader(options.api, () => this.redraw());
    this.list = new PagedList(
      this.column,
      this.viewport,
      (item) => `${item.kind} ${item.id}`,
      () => this.newItem(),
    );
    this.viewport.append(this.part, this.column);
    this.marks = new MatchMarks(this.column, ".story-name, .story-note, .story-body", "found-story");
    this.element.append(this.viewport, this.empty, this.jump);
    this.viewport.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.viewport.addEventListener("keydown", (event) => this.key(event));
    this.jump.addEventListener("click", () => this.toEnd());
    onTimesSwitched(() => this.context && this.list.render());
    // Markdown is laid out a moment later than its text: who reads the end stays there.
    new ResizeObserver(() => {
      if (this.following) this.viewport.scrollTop = this.viewport.scrollHeight;
      else this.hold();
    }).observe(this.column);
    for (const moved of ["wheel", "touchmove", "pointerdown", "keydown"])
      this.viewport.addEventListener(
        moved,
        () => {
          this.held = null;
        },
        { passive: true },
      );
  }

  open(store: RunStore, spanId: string | null): void {
    this.loader.open(this.options.runId(), store);
    this.folded.clear();
    this.items = [];
    this.version = -1;
    this.selected = spanId;
    this.following = false;
    this.held = null;
    this.begun = false;
    this.context = this.newContext(store);
    this.viewport.scrollTop = 0;
    this.make();
  }

  close(): void {
    this.loader.close();
    this.context = null;
    this.items = [];
    this.list.setItems([]);
  }

  draw(settled: boolean): void {
    const { context } = this;
    if (!context) return;
    const isLarge = context.store.spans.size > LARGE && !settled;
    if (
      context.store.version !== this.version &&
      !(isLarge && performance.now() - this.madeAt < LARGE_EVERY_MS)
    )
      this.make();
    else if (context.store.running.size > 0) this.list.render();
  }

  select(spanId: string | null): void {
    if (this.selected === spanId) return;
    this.selected = spanId;
    this.list.render();
  }

  show(spanId: string): void {
    const store = this.context?.store;
    this.wanted = null;
    if (store?.whole && !store.spans.has(spanId)) {
      this.wanted = spanId;
      this.options.reach(spanId);
      return;
    }
    this.goTo(spanId, "nearest");
  }

  private goTo(spanId: string, block: ScrollLogicalPosition): void {
    this.held = { spanId, block };
    this.hold();
  }

  private hold(): void {
    const { held } = this;
    const at = held ? this.indexOf(held.spanId) : -1;
    if (held && at >= 0) this.reveal(at, held.block);
  }

  /** What a search has found is marked, or what it stands within. */
  found(finding: Finding): void {
    this.finding = finding;
    if (finding.hits === this.hits) return;
    this.hits = finding.hits;
    this.mark();
  }

  private mark(): void {
    const { finding } = this;
    if (!finding) return;
    const shown = finding.hits.length > 0 ? new Set(this.items.map((item) => item.id)) : new Set<string>();
    const ids = new Set<string>();
    for (const { id } of finding.hits) {
      let at = this.context?.store.tree.get(id) ?? null;
      while (at && !shown.has(at.id)) at = at.parent;
      if (at) ids.add(at.id);
    }
    this.marks.show(finding.hits, finding.terms, ids);
  }

  focus(): void {
    const at = this.selected ? this.indexOf(this.selected) : -1;
    (at >= 0 ? this.elementOf(at) : this.viewport)?.focus();
  }

  private newContext(store: RunStore): ItemContext {
    const { loader, options } = this;
    const selected = () => this.selected;
    return {
      store,
      loader,
      get selected() {
        return selected();
      },
      now: () => options.api.nowUs(),
      choose: (id) => options.select(id),
      fold: (id) => this.fold(id),
      unfold: (id) => options.unfold(id),
    };
  }

  private newItem() {
    const item = new TranscriptItem(() => this.context);
    return {
      element: item.element,
      update: (each: Item) => {
        item.toolsBefore = (each.before && this.toolsOf.get(each.before)) || [];
        item.update(each);
      },
    };
  }

  private make(): void {
    const { context } = this;
    if (!context) return;
    this.version = context.store.version;
    this.madeAt = performance.now();
    this.items = transcriptItems(context.store, this.folded);
    this.toolsOf = new Map(
      this.items.filter((item) => item.tools.length > 0).map((item) => [item.speaker, item.tools]),
    );
    this.list.setItems(this.items);
    this.mark();
    this.drawPart(context.store);
    this.empty.hidden = this.items.length > 0;
    this.empty.textContent = `None of the ${format.plural(context.store.spans.size, "span")} of this run is a step, a call of a model or a tool.`;
    if (!this.begun && this.items.length > 0) this.begin(context.store);
    else if (this.following) this.toEnd();
    if (this.wanted && context.store.spans.has(this.wanted)) this.show(this.wanted);
  }

  private drawPart({ whole, spans, spanCount }: RunStore): void {
    const text = whole
      ? `Made of the ${format.count(spans.size)} of ${format.plural(spanCount, "span")} that are here. Lines say what is not, and bring it.`
      : "";
    this.part.hidden = text === "";
    setText(this.part, text);
  }

  /** Where the reader begins: at the chosen span, at what happens now, or at the start of a run that is over. */
  private begin(store: RunStore): void {
    this.begun = true;
    if (this.selected && store.spans.has(this.selected)) this.goTo(this.selected, "start");
    else if (this.selected) this.show(this.selected);
    else if (store.running.size > 0) this.toEnd();
  }

  /** Spans come in groups: they are drawn together. */
  private redraw(): void {
    if (this.asked) return;
    this.asked = true;
    requestAnimationFrame(() => {
      this.asked = false;
      if (!this.context) return;
      this.list.render();
      if (this.following) this.toEnd();
    });
  }

  private fold(id: string): void {
    if (!this.folded.delete(id)) this.folded.add(id);
    this.following = false;
    this.held = null;
    this.make();
  }

  private scrolled(): void {
    const { scrollTop, scrollHeight, clientHeight } = this.viewport;
    const atEnd = scrollTop + clientHeight >= scrollHeight - NEAR_PX;
    const alive = (this.context?.store.running.size ?? 0) > 0;
    this.following = atEnd && alive && !this.held;
    this.jump.hidden = atEnd || !alive;
  }

  private toEnd(): void {
    this.following = true;
    this.held = null;
    this.list.reach(this.items.length - 1);
    this.viewport.scrollTop = this.viewport.scrollHeight;
  }

  /** The item of a span, or of what it stands within. */
  private indexOf(spanId: string): number {
    const tree = this.context?.store.tree;
    for (let at = tree?.get(spanId) ?? null; at; at = at.parent) {
      const id = at.id;
      const found = this.items.findIndex((item) => item.id === id);
      if (found >= 0) return found;
    }
    return -1;
  }

  private elementOf(at: number): HTMLElement | null {
    this.list.reach(at);
    const id = this.items[at]?.id;
    return id ? this.column.querySelector<HTMLElement>(`[data-span-id="${id}"]`) : null;
  }

  private reveal(at: number, block: ScrollLogicalPosition): HTMLElement | null {
    const element = this.elementOf(at);
    element?.scrollIntoView({ block });
    return element;
  }

  /** Up and down go from one to the next, Enter opens the span, left and right fold. */
  private key(event: KeyboardEvent): void {
    const story = (event.target as HTMLElement).closest<HTMLElement>(".story");
    const isItem = event.target === story || event.target === this.viewport;
    if (!isItem || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = story ? this.items.findIndex((item) => item.id === story.dataset.spanId) : -1;
    const item = this.items[at];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!story && event.key === "ArrowUp") return;
      const next = Math.min(Math.max(at + (event.key === "ArrowDown" ? 1 : -1), 0), this.items.length - 1);
      this.reveal(next, "nearest")?.focus({ preventScroll: true });
    } else if (event.key === "Enter" && item?.kind === "folded") this.options.unfold(item.speaker);
    else if (event.key === "Enter" && item) this.options.select(item.id);
    else if ((event.key === "ArrowLeft" || event.key === "ArrowRight") && item) {
      if ((item.kind === "step" || item.kind === "agent") && item.folded === (event.key === "ArrowRight"))
        this.fold(item.id);
    } else return;
    event.preventDefault();
  }
}
