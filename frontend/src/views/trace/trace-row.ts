/** One row of the trace tree: name, mark, tokens, cost, duration and the bar. */
import { h, icon, setAttr, setIcon, setText } from "../../browser/dom";
import type { Chain } from "../../run/fallback-chain";
import { tokenCounts, tokensText } from "../../run/tail/events";
import { reversedBy } from "../../run/time/span-times";
import type { TimeWindow } from "../../run/time/time-scale";
import type { Folded, SpanState } from "../../service/wire";
import * as format from "../../text/format";
import { DOING_ICONS, DOING_WORDS, doing } from "../../text/span-kind";
import { rowName } from "../../text/span-target";
import { skewWords } from "../../text/span-words";
import { visible } from "../../text/visible";
import { isFolded, type TreeNode } from "../../tree";
import { BackendMark, markOf } from "../backend-mark";
import { STATUS_ICONS } from "../status";
import type { RowView } from "../windowed";
import { ChainMark } from "./chain-mark";
import { CostCell } from "./cost-cell";
import { foldNote, foldWords } from "./fold-words";
import { impliedWord, noteOf } from "./row-words";
import { Seen } from "./seen";
import { TraceBar } from "./trace-bar";

/** Deeper levels are not indented further: the name must keep room. There the level stands as a number. */
const MAX_INDENT = 14;
const INDENT_PX = 16;

/** Parts of the critical path in one bar; more would not be told apart. */
const MAX_PARTS = 200;

/** A narrower part would be a dot that says nothing. */
const LEAST_SHARE = 0.002;

export interface RowContext {
  readonly collapsed: ReadonlySet<string>;
  readonly selected: string | null;
  readonly cursorId: string | null;
  readonly isSettled: boolean;
  /** Another one where anything may stand at another place. */
  readonly revision: number;
  span(id: string): SpanState | undefined;
  /** What stands below a span ("": below none) and is not here. */
  folded(id: string): Folded | undefined;
  /** Why a span was skipped or cancelled, where that is known. */
  reason(id: string): string | undefined;
  /** Backends that were asked for it in turn, where the row has to tell; null where none was left. */
  chain(node: TreeNode): Chain | null;
  now(): number;
  startOf(span: SpanState): number;
  endOf(span: SpanState): number;
  /** Where a moment stands: 0 … 1 in what is shown. */
  share(at: number): number;
  /** The parts of a span that the run had to wait for. */
  critical(id: string): readonly TimeWindow[];
}

export class TraceRow implements RowView<TreeNode> {
  readonly element: HTMLElement;
  running = false;
  private readonly context: RowContext;
  private readonly isCopy: boolean;
  private readonly implied = h("span", { class: "sr-only" });
  private readonly kindText = h("span", { class: "sr-only" });
  private readonly shown = h("span");
  private readonly name = h("span", { class: "row-name", dir: "auto" }, this.implied, this.shown);
  private readonly statusText = h("span", { class: "sr-only" });
  private readonly note = h("span", { class: "row-note", dir: "auto" });
  private readonly mark = new BackendMark();
  /** Made for the first span that has one. */
  private chain: ChainMark | null = null;
  private readonly glyph = icon("pending", "glyph");
  private readonly kind = icon("dot", "row-kind");
  private readonly twistyIcon = icon("chevron", "twisty-icon");
  private readonly twisty = h("span", { class: "twisty", "aria-hidden": "true" }, this.twistyIcon);
  private readonly hiddenErrors = h("span", { class: "row-hidden-errors" });
  private readonly nameCell: HTMLElement;
  private readonly tokens = h("div", { class: "cell-tokens", role: "gridcell" });
  private readonly cost = new CostCell();
  private readonly duration = h("div", { class: "cell-duration", role: "gridcell" });
  private readonly skewHint = h("span", { class: "sr-only" });
  private readonly skew = h("span", { class: "row-skew" }, icon("clock"), this.skewHint);
  private readonly bar = new TraceBar();
  private readonly seen = new Seen();
  private start = 0;

  /** `isCopy`: the row itself is elsewhere; this one is for the eye alone. */
  constructor(context: RowContext, { isCopy = false } = {}) {
    this.context = context;
    this.isCopy = isCopy;
    this.nameCell = h(
      "div",
      { class: "cell-name", role: "gridcell" },
      this.twisty,
      this.glyph,
      this.statusText,
      this.kindText,
      this.mark.element,
      this.kind,
      this.name,
      this.note,
      this.skew,
      this.hiddenErrors,
    );
    this.element = h(
      "div",
      { class: "trace-row", role: isCopy ? null : "row" },
      this.nameCell,
      this.tokens,
      this.cost.element,
      this.duration,
      this.bar.element,
    );
  }

  update(node: TreeNode, index: number): void {
    const span = this.context.span(node.id);
    const { element } = this;
    if (!this.isCopy) setAttr(element, "id", `span-${node.id}`);
    setAttr(element, "aria-rowindex", String(index + 1));
    if (this.isSeen(node, span)) {
      if (this.running) this.grow();
      return;
    }
    setAttr(element, "data-span-id", node.id);
    setAttr(element, "aria-level", String(node.depth + 1));
    setAttr(element, "aria-selected", String(this.context.selected === node.id));
    setAttr(element, "data-cursor", this.context.cursorId === node.id ? "" : null);
    const collapsed = this.context.collapsed.has(node.id) || isFolded(node);
    const parent = node.children.length > 0;
    setAttr(element, "aria-expanded", parent ? String(!collapsed) : null);
    setAttr(this.twisty, "data-parent", parent ? "" : null);
    setAttr(this.nameCell, "data-depth", node.depth > MAX_INDENT ? String(node.depth + 1) : null);
    const indent = `${Math.min(node.depth, MAX_INDENT) * INDENT_PX}px`;
    if (this.nameCell.style.getPropertyValue("--indent") !== indent)
      this.nameCell.style.setProperty("--indent", indent);
    if (span) this.updateSpan(span, node, collapsed);
    else this.updatePlaceholder(node);
    this.drawCritical(node.id);
  }

  /** All that it shows, but for the time. Most rows stay as they are while a run goes on. */
  private isSeen(node: TreeNode, span: SpanState | undefined): boolean {
    const { context } = this;
    const { id, total, own } = node;
    const below = [node.children.length > 0, isFolded(node), context.collapsed.has(id)];
    const sums = [total.cost, total.priced, total.unpriced, total.errors, own];
    const marks = [context.selected === id, context.cursorId === id, context.isSettled, context.revision];
    const known = [context.reason(id), context.folded(node.foldOf ?? id), context.critical(id)];
    const place = [node.start, node.depth, node.cut];
    return this.seen.again([node, span, ...below, ...sums, ...marks, ...known, ...place]);
  }

  private drawCritical(id: string): void {
    const { context } = this;
    const parts = context.critical(id).slice(0, MAX_PARTS);
    setAttr(this.element, "data-critical", parts.length > 0 ? "" : null);
    this.bar.drawCritical(
      parts
        .map(({ from, to }) => ({ from: context.share(from), to: context.share(to) }))
        .filter(({ from, to }) => to > 0 && from < 1 && to - from >= LEAST_SHARE),
    );
  }

  /** Only what moves while time passes. */
  grow(): void {
    const now = this.context.now();
    this.drawBar(this.start, now);
    setText(this.duration, format.ticking(now - this.start));
  }

  private updateSpan(span: SpanState, node: TreeNode, collapsed: boolean): void {
    const status = span.status ?? "running";
    this.running = status === "running";
    this.start = this.context.startOf(span);
    setAttr(this.element, "data-status", status);
    setAttr(this.element, "data-kind", span.kind ?? "span");
    setAttr(this.element, "data-backend", span.backend ?? null);
    setAttr(this.element, "data-mark", span.backend ? markOf(span) : null);
    setAttr(this.element, "data-cut", node.cut ? "" : null);
    const isWaiting = this.running && span.kind === "queue";
    setAttr(this.element, "data-waits", isWaiting ? "" : null);
    setIcon(this.glyph, isWaiting ? "pending" : STATUS_ICONS[status]);
    const chain = this.drawChain(span, node);
    const word = impliedWord(span);
    setText(this.implied, word);
    const name = rowName(span);
    setText(this.shown, name.slice(word.length));
    this.drawKind(span);
    setText(this.statusText, isWaiting ? "waiting" : status);
    this.drawNote(span, node, chain);
    const errorsBelow = node.total.errors - node.own.errors;
    const hidden = isFolded(node) ? foldWords(this.context.folded(node.id)) : "";
    const errors = collapsed && errorsBelow > 0 ? format.plural(errorsBelow, "error") : "";
    setText(this.hiddenErrors, errors || hidden);
    setAttr(this.hiddenErrors, "data-folded", hidden && !errors ? "" : null);
    setText(this.tokens, tokensText(span.tokens) ?? "");
    setAttr(this.tokens, "title", tokenCounts(span.tokens) ?? null);
    this.cost.update(span, node);
    this.drawTime(span);
  }

  /** A mark says more than the icon of an LLM call does. */
  private drawKind(span: SpanState): void {
    const does = doing(span);
    const glyph = DOING_ICONS[does];
    const isShown = glyph !== undefined && !(does === "llm" && span.backend);
    this.kind.toggleAttribute("hidden", !isShown);
    if (glyph) setIcon(this.kind, glyph);
    setAttr(this.element, "data-does", does);
    // Most spans are internal: only another kind is worth a word.
    const kind = span.span_kind === "internal" ? "" : span.span_kind;
    const words = [span.name, DOING_WORDS[does], kind].filter(Boolean).join(" · ");
    setAttr(this.name, "title", words || null);
    setText(this.kindText, isShown ? `${DOING_WORDS[does]}: ` : "");
  }

  private drawTime(span: SpanState): void {
    const skew = skewWords(span.clock_skew_us);
    this.skew.hidden = skew === undefined;
    setAttr(this.skew, "title", skew ? `Its clock is ${skew}` : null);
    setText(this.skewHint, skew ? `clock ${skew}` : "");
    if (this.running) {
      setAttr(this.duration, "data-reversed", null);
      this.grow();
      return;
    }
    const end = this.context.endOf(span);
    const isReversed = reversedBy(span) > 0;
    this.drawBar(this.start, end);
    setText(this.duration, typeof span.end === "number" ? format.length(end - this.start) : "");
    setAttr(this.duration, "data-reversed", isReversed ? "" : null);
  }

  /** In the place of an attempt's mark, and behind the name of a group. */
  private drawChain(span: SpanState, node: TreeNode): Chain | null {
    const chain = this.context.chain(node);
    this.mark.update(chain ? undefined : span);
    if (chain === null) {
      this.chain?.update(null);
      return null;
    }
    this.chain ??= new ChainMark();
    const before = span.kind === "llm_group" ? this.note : this.kind;
    if (this.chain.element.nextSibling !== before) this.nameCell.insertBefore(this.chain.element, before);
    this.chain.update(chain);
    return chain;
  }

  private drawNote(span: SpanState, node: TreeNode, chain: Chain | null): void {
    const { text, tone } = noteOf(span, node.cut, this.context.reason(node.id), chain);
    setText(this.note, visible(text.replace(/\s+/g, " ").slice(0, 300)));
    setAttr(this.note, "data-tone", tone);
    setAttr(this.note, "title", text || null);
  }

  private updatePlaceholder(node: TreeNode): void {
    const folded = node.foldOf === undefined ? undefined : this.context.folded(node.foldOf);
    const what = node.foldOf === undefined ? "missing" : "folded";
    this.running = false;
    this.start = node.start;
    setAttr(this.element, "data-status", what);
    setAttr(this.element, "data-waits", null);
    setAttr(this.element, "data-kind", what);
    setAttr(this.element, "data-backend", null);
    setAttr(this.element, "data-mark", null);
    setIcon(this.glyph, folded ? "more" : "pending");
    this.mark.update(undefined);
    this.chain?.update(null);
    this.kind.toggleAttribute("hidden", true);
    setText(this.kindText, "");
    setAttr(this.element, "data-does", null);
    setText(this.statusText, "");
    setText(this.implied, "");
    const missing = this.context.isSettled
      ? "parent span was not received"
      : "parent span has not arrived yet";
    setText(this.shown, folded ? foldWords(folded) : missing);
    setAttr(this.name, "title", folded ? "Shows more of them" : node.id);
    setText(this.note, folded ? foldNote(folded) : node.id);
    setAttr(this.note, "data-tone", folded && folded.errors > 0 ? "bad" : null);
    setText(this.hiddenErrors, "");
    setText(this.tokens, "");
    setAttr(this.tokens, "title", null);
    this.cost.updatePlaceholder(node);
    setText(this.duration, "");
    setAttr(this.duration, "data-reversed", null);
    for (const cell of [this.duration, this.bar.element]) setAttr(cell, "title", null);
    this.skew.hidden = true;
    // Its spans may be anywhere: it has no bar.
    if (!folded) this.drawBar(node.start, node.start);
  }

  private drawBar(start: number, end: number): void {
    this.bar.draw({ from: this.context.share(start), to: this.context.share(end) });
  }
}
