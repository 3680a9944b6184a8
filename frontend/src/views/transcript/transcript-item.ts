/** One thing that happened, as the transcript tells it. */
import { h, icon, setAttr, setIcon, setText } from "../../browser/dom";
import type { Conversation, ResultPart } from "../../run/conversation/model";
import { attemptWords, chainLine, chainOf } from "../../run/fallback-chain";
import { tokensText } from "../../run/tail/events";
import { type Item, toolName } from "../../run/transcript/items";
import type { SpanState } from "../../service/wire";
import * as format from "../../text/format";
import { reasonWords } from "../../text/reasons";
import { listed, lostContent } from "../../text/span-words";
import { shownName, visible } from "../../text/visible";
import { timesShown, within } from "../../text/when";
import { BackendMark } from "../backend-mark";
import { MessageList } from "../conversation/message-list";
import { callElement } from "../conversation/part-element";
import { givePopover } from "../popover";
import { STATUS_ICONS } from "../status";
import { foldNote, foldWords } from "../trace/fold-words";
import { costEstimate } from "../trace/row-words";
import type { RowView } from "../windowed";
import { conversationFor, costList, errorElement, type ItemContext, nameOf } from "./item-parts";
import { callId, callOf, newMessages, ranIn, spokenMessages, toldBy } from "./turn-content";

export class TranscriptItem implements RowView<Item> {
  readonly element: HTMLElement;
  private readonly context: () => ItemContext | null;
  private readonly glyph = icon("pending", "glyph");
  private readonly mark = new BackendMark();
  private readonly name = h("button", { class: "story-name", type: "button", dir: "auto" });
  private readonly note = h("span", { class: "story-note", dir: "auto" });
  private readonly twisty = h(
    "button",
    { class: "button-icon small story-twisty", type: "button" },
    icon("chevron"),
  );
  private readonly when = h("span", { class: "story-when" });
  private readonly length = h("span", { class: "story-length" });
  private readonly tokens = h("span", { class: "story-tokens" });
  private readonly cost = h("button", { class: "story-cost", type: "button" });
  private readonly body = h("div", { class: "story-body" });
  private readonly messages = new MessageList();
  private item: Item | null = null;
  private drawn = "";
  /** What the messages were last made of. */
  private seen: readonly unknown[] = [];

  constructor(context: () => ItemContext | null) {
    this.context = context;
    this.name.addEventListener("click", () => {
      const { item } = this;
      if (item?.kind === "folded") this.context()?.unfold(item.speaker);
      else if (item) this.context()?.choose(item.id);
    });
    givePopover(this.cost, () => {
      const context = this.context();
      return this.item && context ? costList(this.item, context) : null;
    });
    this.twisty.addEventListener("click", () => this.item && this.context()?.fold(this.item.id));
    const head = h(
      "div",
      { class: "story-head" },
      this.twisty,
      this.glyph,
      this.mark.element,
      this.name,
      this.note,
    );
    const figures = h("div", { class: "story-figures" }, this.length, this.tokens);
    const margin = h("div", { class: "story-margin" }, figures, this.cost, this.when);
    this.element = h(
      "article",
      { class: "story", tabindex: -1 },
      h("div", { class: "story-main" }, head, this.body),
      margin,
    );
  }

  update(item: Item): void {
    const context = this.context();
    if (!context) return;
    this.item = item;
    if (item.kind === "folded") {
      this.drawFolded(item, context);
      return;
    }
    const { span } = context.loader.get(item.speaker);
    const own = context.store.spans.get(item.id);
    this.drawHead(item, own, span, context);
    this.drawMargin(item, own, span, context);
    if (item.kind === "turn" || item.kind === "chain") this.drawTurn(item, span, context);
    else if (item.kind === "tool" || (item.kind === "agent" && own?.kind === "tool"))
      this.drawTool(item, span, context);
    else this.drawSpoken(item, span, context);
  }

  private drawHead(
    item: Item,
    span: SpanState | undefined,
    whole: SpanState | undefined,
    context: ItemContext,
  ): void {
    const { element } = this;
    const status = span?.status ?? "running";
    const served = context.store.spans.get(item.speaker);
    setAttr(element, "data-kind", item.kind);
    setAttr(element, "data-span-id", item.id);
    setAttr(this.name, "title", null);
    setAttr(element, "data-status", status);
    setAttr(element, "data-level", String(Math.min(item.level, 4)));
    setAttr(element, "data-depth", String(Math.min(item.depth, 3)));
    setAttr(element, "aria-current", context.selected === item.id ? "true" : null);
    setIcon(this.glyph, STATUS_ICONS[status]);
    this.mark.update(item.kind === "turn" || item.kind === "chain" ? served : undefined);
    const isNamed = item.kind === "tool" || item.kind === "agent"; // by its attributes
    const shown = nameOf(item, isNamed ? whole : span, served);
    setText(this.name, shown);
    setAttr(element, "aria-label", `${shown}, ${status}`);
    const canFold = item.kind === "step" || item.kind === "agent";
    this.twisty.hidden = !canFold;
    setAttr(this.twisty, "aria-expanded", String(!item.folded));
    setAttr(this.twisty, "aria-label", item.folded ? `Show what is in ${shown}` : `Fold ${shown}`);
    setText(this.note, this.noteOf(item, span, context));
  }

  /** What stands there is not here yet: the line brings it. */
  private drawFolded(item: Item, context: ItemContext): void {
    const { element } = this;
    const folded = context.store.folded.get(item.speaker);
    const parent = context.store.spans.get(item.speaker);
    const words = foldWords(folded);
    setAttr(element, "data-kind", item.kind);
    setAttr(element, "data-span-id", item.id);
    setAttr(element, "data-status", null);
    setAttr(element, "data-level", String(Math.min(item.level, 4)));
    setAttr(element, "data-depth", String(Math.min(item.depth, 3)));
    setAttr(element, "aria-current", null);
    setAttr(element, "aria-label", `${words}, not here yet`);
    setIcon(this.glyph, "unfold");
    this.mark.update(undefined);
    this.twisty.hidden = true;
    setText(this.name, words);
    setAttr(this.name, "title", "Show more of them");
    const within = parent ? `in ${shownName(parent.name)}` : "";
    const found = folded ? foldNote(folded) : "";
    setText(this.note, [within, found, "not here yet"].filter(Boolean).join(" · "));
    this.drawMargin(item, undefined, undefined, context);
    this.put([], "folded");
  }

  private noteOf(item: Item, span: SpanState | undefined, context: ItemContext): string {
    const reason = context.store.reasons.get(item.id);
    const state = span?.status === "error" ? "failed" : (span?.status ?? "");
    const isPlain = state === "ok" || state === "running";
    const said = [isPlain ? "" : state, reason].filter(Boolean).join(": ");
    if (item.kind === "chain") {
      const chain = chainOf(context.store, item.id);
      if (chain && chain.attempts.length > 1) {
        const left = chain.attempts
          .filter((each) => each.outcome !== "served")
          .map((each) => `${each.span.backend ?? "?"} ${attemptWords(each)}`);
        return [chainLine(chain), ...left].join(" · ");
      }
    }
    if (item.kind === "turn" && span?.fallback_from) {
      return `after ${span.fallback_from}: ${reasonWords(span.fallback_reason ?? "failed")}`;
    }
    if (item.kind === "agent") {
      const total = context.store.tree.get(item.id)?.total;
      const calls = item.folded && total?.llm ? format.plural(total.llm, "call") : "";
      const around = shownName(context.store.spans.get(item.inside ?? "")?.name ?? "");
      const inside = item.inside && around !== this.name.textContent ? `in ${around}` : "";
      return [item.level > 0 ? "subagent" : "agent", inside, calls, said].filter(Boolean).join(" · ");
    }
    return said;
  }

  private drawMargin(
    item: Item,
    span: SpanState | undefined,
    speaker: SpanState | undefined,
    { store, now }: ItemContext,
  ): void {
    const total = store.tree.get(item.id)?.total;
    const running = span?.status === "running";
    const estimate = costEstimate(speaker ?? {});
    const rest = total?.unpriced ? " +" : "";
    const priced = total && total.priced > 0 ? `${format.money(total.cost)}${rest}` : "";
    setText(this.cost, estimate || priced || (total?.unpriced ? "unpriced" : ""));
    this.cost.hidden = this.cost.textContent === "";
    setAttr(this.cost, "aria-label", `Cost: ${this.cost.textContent ?? ""}`);
    const { start } = span ?? {};
    const end = typeof span?.end === "number" ? span.end : running ? now() : undefined;
    const length =
      start !== undefined && end !== undefined
        ? running
          ? format.ticking(end - start)
          : format.duration(end - start)
        : "";
    const tokens =
      item.kind === "turn" || item.kind === "chain"
        ? tokensText(store.spans.get(item.speaker)?.tokens)
        : undefined;
    setText(this.length, length);
    setText(this.tokens, tokens ?? "");
    const isFirst = start === store.start && timesShown() === "relative";
    setText(
      this.when,
      start === undefined || store.start === undefined || isFirst ? "" : within(start, store.start),
    );
    setAttr(this.when, "title", start === undefined ? null : format.dateTime(start));
  }

  private drawTurn(item: Item, span: SpanState | undefined, context: ItemContext): void {
    const { loader, store } = context;
    const { isWhole } = loader.get(item.speaker);
    const around = item.around ? loader.get(item.around) : null;
    const earlier = item.before ? loader.get(item.before) : null;
    const ran = { before: ranIn(this.toolsBefore, context), now: ranIn(item.tools, context) };
    // Before the call in front of it is here, everything would look new; before its tools are, each would be told twice.
    const all = [around, earlier, ran.before, ran.now];
    const ready = isWhole && all.every((each) => each === null || each.isWhole);
    const conversation = conversationFor(span, store) ?? conversationFor(around?.span, store);
    const running = span?.status === "running";
    const key = [span, conversation, earlier?.span, ready, ran.before.names.join(), ran.now.names.join()];
    if (this.seen.length > 0 && key.every((each, at) => each === this.seen[at])) return;
    this.seen = key;
    const messages =
      ready && conversation
        ? newMessages(conversation, conversationFor(earlier?.span, store), {
            before: ran.before.known,
            now: ran.now.known,
          })
        : [];
    this.messages.update(messages, { growing: running });
    const calls = ready && item.tools.length > 0 ? `Calls ${listed(ran.now.names.map(visible))}.` : "";
    const hint = messages.length > 0 ? "" : this.hintFor(conversation, span, ready, item) || calls;
    this.put(
      [this.messages.element, hint ? h("p", { class: "story-hint" }, hint) : null, errorElement(span)],
      `${hint}|${span?.error?.message ?? ""}`,
    );
  }

  /** Set by the list: the tools that ran after the call before this one. */
  toolsBefore: readonly string[] = [];

  private hintFor(
    conversation: Conversation | null,
    span: SpanState | undefined,
    ready: boolean,
    item: Item,
  ): string {
    if (!ready) return "Loading…";
    if (span?.status === "running") return "Waits for the model's answer.";
    if (span?.status === "skipped") return "It was not asked.";
    const lost = lostContent(span?.content ?? [])[0];
    if (lost) return `${lost.lost}${lost.setting ? ` Set ${lost.setting} ${lost.where}` : ""}`;
    if (item.tools.length > 0) return "";
    if (conversation) return "Nothing new was said.";
    return span?.error ? "" : "What was said was not sent with this call.";
  }

  private drawTool(item: Item, span: SpanState | undefined, context: ItemContext): void {
    const { loader, store } = context;
    // Without its attributes every tool would seem to have said nothing.
    if (!loader.get(item.speaker).isWhole) return;
    const conversation = conversationFor(span, store);
    const { call: asked, result } = toldBy(span, conversation);
    const caller = item.caller ? conversationFor(loader.get(item.caller).span, store) : null;
    const named = { name: toolName(span), id: callId(span), place: item.place };
    const call = asked ?? callOf(caller, named);
    const key = JSON.stringify([
      call?.id,
      call && span?.span_id,
      result !== undefined,
      span?.status,
      span?.error?.message,
    ]);
    if (key === this.drawn) return;
    const failed: ResultPart | undefined = span?.error
      ? {
          kind: "result",
          id: "",
          name: "",
          value: `${span.error.type ?? ""} ${span.error.message ?? ""}`.trim(),
          failed: true,
        }
      : undefined;
    const fold =
      call || result || failed
        ? callElement(call ?? { kind: "call", id: "", name: toolName(span), arguments: {} }, {
            result: result ?? failed,
            isOpen: span?.status === "running",
            ...(span?.kind === "retrieval" ? { picture: "retrieval" } : {}),
          })
        : null;
    // The line of the call says its name, and how it ended.
    setAttr(this.element, "data-told", fold && item.kind === "tool" ? "" : null);
    this.put([fold], key);
  }

  /** What a step says itself, where the calls within it do not: Claude Code tells prompt and answer once, around all. */
  private drawSpoken(item: Item, span: SpanState | undefined, context: ItemContext): void {
    const { loader, store } = context;
    const within = item.within ? loader.get(item.within) : null;
    const isTold = within !== null && (!within.isWhole || conversationFor(within.span, store) !== null);
    const isHere = within !== null && !isTold && loader.get(item.id).isWhole;
    const messages = isHere ? spokenMessages(conversationFor(loader.get(item.id).span, store)) : [];
    this.messages.update(messages, { growing: false });
    const error = span?.error?.message ?? "";
    this.put(
      [messages.length > 0 ? this.messages.element : null, errorElement(span)],
      `${messages.length}|${error}`,
    );
  }

  private put(content: readonly (HTMLElement | null)[], key: string): void {
    if (this.drawn === key && key !== "") return;
    this.drawn = key;
    this.body.replaceChildren(...content.filter((each) => each !== null));
  }
}
