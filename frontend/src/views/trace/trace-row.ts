/** One row of the trace tree: name, mark, tokens, cost, duration and the bar. */
import { h, icon, setAttr, setIcon, setText } from "../../browser/dom";
import { progressText, tokenCounts, tokensText } from "../../run/events";
import { reversedBy } from "../../run/span-times";
import type { TimeWindow } from "../../run/time-scale";
import type { Folded, SpanState } from "../../service/wire";
import * as format from "../../text/format";
import { reasonWords } from "../../text/reasons";
import { costSource, lengthWords, skewWords } from "../../text/span-words";
import { shownName, visible } from "../../text/visible";
import { isFolded, type TreeNode } from "../../tree";
import { BackendMark, markOf } from "../backend-mark";
import { abandonedText, STATUS_ICONS } from "../status";
import type { RowView } from "../windowed";
import { foldNote, foldWords } from "./fold-words";
import { TraceBar } from "./trace-bar";

/** Deeper levels are not indented further: the name must keep room. There the level stands as a number. */
const MAX_INDENT = 14;
const INDENT_PX = 16;

/** Parts of the critical path in one bar; more would not be told apart. */
const MAX_PARTS = 200;

/** A narrower part would be a dot that says nothing. */
const LEAST_SHARE = 0.002;

const OPERATION = /^(?:chat|text_completion|generate_content|embeddings) /;

/**
 * The operation word of an LLM call's name, "chat " of "chat gpt-4o": beside a backend's mark the model says
 * enough. Empty where the name is not of that form.
 */
export function impliedWord(span: Pick<SpanState, "kind" | "backend" | "name" | "model">): string {
  if (span.kind !== "llm_call" || !span.backend || !span.model || !span.name) return "";
  const word = OPERATION.exec(span.name)?.[0] ?? "";
  const named = span.name.slice(word.length);
  // The answer may name the model more exactly than the request, and with it the span.
  const follows = named !== "" && (span.model.startsWith(named) || named.startsWith(span.model));
  return follows ? word : "";
}

/** "≈ $0.0012": what a call has cost so far, while its answer is streamed; empty once it has ended. */
export function costEstimate(span: Pick<SpanState, "status" | "attributes">): string {
  const usd = span.status === "running" ? span.attributes?.["spantail.cost.estimate_usd"] : undefined;
  const nano = typeof usd === "number" ? format.costNano({ cost_usd: usd }) : undefined;
  return nano === undefined ? "" : `≈ ${format.money(nano)}`;
}

export interface RowContext {
  readonly collapsed: ReadonlySet<string>;
  readonly selected: string | null;
  readonly cursorId: string | null;
  readonly isSettled: boolean;
  span(id: string): SpanState | undefined;
  /** What stands below a span ("": below none) and is not here. */
  folded(id: string): Folded | undefined;
  /** Why a span was skipped or cancelled, where that is known. */
  reason(id: string): string | undefined;
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
  private readonly shown = h("span");
  private readonly name = h("span", { class: "row-name" }, this.implied, this.shown);
  private readonly statusText = h("span", { class: "sr-only" });
  private readonly note = h("span", { class: "row-note" });
  private readonly mark = new BackendMark();
  private readonly glyph = icon("pending", "glyph");
  private readonly twistyIcon = icon("chevron", "twisty-icon");
  private readonly twisty = h("span", { class: "twisty", "aria-hidden": "true" }, this.twistyIcon);
  private readonly hiddenErrors = h("span", { class: "row-hidden-errors" });
  private readonly nameCell: HTMLElement;
  private readonly tokens = h("div", { class: "cell-tokens", role: "gridcell" });
  private readonly cost = h("div", { class: "cell-cost", role: "gridcell" });
  private readonly duration = h("div", { class: "cell-duration", role: "gridcell" });
  private readonly skewHint = h("span", { class: "sr-only" });
  private readonly skew = h("span", { class: "row-skew" }, icon("clock"), this.skewHint);
  private readonly bar = new TraceBar();
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
      this.mark.element,
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
      this.cost,
      this.duration,
      this.bar.element,
    );
  }

  update(node: TreeNode, index: number): void {
    const span = this.context.span(node.id);
    const { element } = this;
    if (!this.isCopy) setAttr(element, "id", `span-${node.id}`);
    setAttr(element, "data-span-id", node.id);
    setAttr(element, "aria-level", String(node.depth + 1));
    setAttr(element, "aria-rowindex", String(index + 1));
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
    setIcon(this.glyph, STATUS_ICONS[status]);
    this.mark.update(span);
    const word = impliedWord(span);
    setText(this.implied, word);
    const name = shownName(span.name);
    setText(this.shown, name.slice(word.length));
    // Most spans are internal: only another kind is worth a word.
    const kind = span.span_kind && span.span_kind !== "internal" ? ` · ${span.span_kind}` : "";
    setAttr(this.name, "title", span.name ? `${span.name}${kind}` : null);
    setText(this.statusText, status);
    this.drawNote(span, node);
    const errorsBelow = node.total.errors - node.own.errors;
    const hidden = isFolded(node) ? foldWords(this.context.folded(node.id)) : "";
    const errors = collapsed && errorsBelow > 0 ? format.plural(errorsBelow, "error") : "";
    setText(this.hiddenErrors, errors || hidden);
    setAttr(this.hiddenErrors, "data-folded", hidden && !errors ? "" : null);
    setText(this.tokens, tokensText(span.tokens) ?? "");
    setAttr(this.tokens, "title", tokenCounts(span.tokens) ?? null);
    this.drawCost(span, node);
    this.drawTime(span);
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

  private drawNote(span: SpanState, node: TreeNode): void {
    let text = "";
    let tone: string | null = null;
    if (node.cut) {
      text = "its parent is below it";
      tone = "warn";
    } else if (reversedBy(span) > 0 && span.status !== "error") {
      text = lengthWords(-reversedBy(span));
      tone = "warn";
    } else if (span.status === "error") {
      text = span.error?.message ?? span.error?.type ?? "failed";
      tone = "bad";
    } else if (span.status === "abandoned") {
      text = span.abandoned ? `abandoned: ${abandonedText(span.abandoned)}` : "abandoned";
      tone = "gone";
    } else if (this.running && span.progress) {
      text = progressText(span.progress) ?? "";
      tone = "alive";
    } else if (span.fallback_reason)
      text = `after ${span.fallback_from ?? "another"}: ${reasonWords(span.fallback_reason)}`;
    else if (span.status === "skipped" || span.status === "cancelled")
      text = [span.status, reasonWords(this.context.reason(node.id) ?? "")].filter(Boolean).join(": ");
    else if (span.model && !span.name?.includes(span.model)) text = span.model;
    else if (span.progress) text = progressText(span.progress) ?? "";
    setText(this.note, visible(text.replace(/\s+/g, " ").slice(0, 200)));
    setAttr(this.note, "data-tone", tone);
    setAttr(this.note, "title", text || null);
  }

  private drawCost(span: SpanState, node: TreeNode): void {
    const { cost, priced, unpriced } = node.total;
    const own = node.children.length === 0 || node.own.priced + node.own.unpriced > 0;
    setAttr(this.cost, "data-sum", own && priced > 0 ? null : "");
    if (priced === 0) {
      setAttr(this.cost, "data-more", null);
      const estimate = costEstimate(span);
      setAttr(this.cost, "data-estimate", estimate ? "" : null);
      if (estimate) {
        setAttr(this.cost, "data-unpriced", null);
        setText(this.cost, estimate);
        setAttr(this.cost, "title", "Estimated while the answer is streamed");
        return;
      }
      setText(this.cost, unpriced > 0 ? "unpriced" : "");
      const why = own ? costSource(span) : undefined;
      const calls = `${format.plural(unpriced, "call")} without a price`;
      setAttr(this.cost, "title", unpriced > 0 ? [calls, why].filter(Boolean).join("\n") : null);
      // A failed attempt has no price as a rule; a call that worked and has none is worth a look.
      setAttr(this.cost, "data-unpriced", own && unpriced > 0 && span.status !== "error" ? "" : null);
      return;
    }
    setAttr(this.cost, "data-unpriced", null);
    setAttr(this.cost, "data-estimate", null);
    // The plus hangs beside the figure, which stays in line with those above and below.
    setAttr(this.cost, "data-more", unpriced > 0 ? "" : null);
    setText(this.cost, format.money(cost));
    const source = own ? costSource(span) : undefined;
    const rest = unpriced > 0 ? `and ${format.plural(unpriced, "call")} without a price` : "";
    setAttr(this.cost, "title", [format.moneyExact(cost), source, rest].filter(Boolean).join(", "));
  }

  private updatePlaceholder(node: TreeNode): void {
    const folded = node.foldOf === undefined ? undefined : this.context.folded(node.foldOf);
    const what = node.foldOf === undefined ? "missing" : "folded";
    this.running = false;
    this.start = node.start;
    setAttr(this.element, "data-status", what);
    setAttr(this.element, "data-kind", what);
    setAttr(this.element, "data-backend", null);
    setAttr(this.element, "data-mark", null);
    setIcon(this.glyph, folded ? "more" : "pending");
    this.mark.update(undefined);
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
    setText(this.cost, node.total.priced > 0 ? format.money(node.total.cost) : "");
    setAttr(this.cost, "data-unpriced", null);
    setAttr(this.cost, "data-estimate", null);
    setAttr(this.cost, "data-more", null);
    setAttr(this.cost, "data-sum", "");
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
