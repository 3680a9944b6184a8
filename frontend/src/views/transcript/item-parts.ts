/** What an item of the transcript is made of: its name, its conversation, its error, what a cost is made of. */
import { h } from "../../browser/dom";
import type { Conversation } from "../../run/conversation/model";
import { agentName, type Item, toolName } from "../../run/transcript/items";
import type { SpanState } from "../../service/wire";
import type { RunStore } from "../../store";
import * as format from "../../text/format";
import { callLines } from "../../text/llm-words";
import { errorType } from "../../text/reasons";
import { shownName, visible } from "../../text/visible";
import { readOnce } from "../conversation/conversation-section";
import { type Field, fieldList } from "../details/span-sections";
import type { SpanLoader } from "./span-loader";

export interface ItemContext {
  readonly store: RunStore;
  readonly loader: SpanLoader;
  readonly selected: string | null;
  /** µs */
  now(): number;
  choose(id: string): void;
  fold(id: string): void;
  /** Brings more of what is not here below a span. */
  unfold(parentId: string): void;
}

/** What was said in a span; nothing before it is here. */
export function conversationFor(span: SpanState | undefined, store: RunStore): Conversation | null {
  return span ? readOnce(span, store) : null;
}

/** What a cost is made of; null where nothing is known of it. */
export function costList(
  item: Item,
  { loader, store }: Pick<ItemContext, "loader" | "store">,
): HTMLElement | null {
  const lines: Field[] = [];
  const add = (name: string, value: string) => lines.push([name, value, undefined, false]);
  const isCall = item.kind === "turn" || item.kind === "chain";
  const { span } = isCall ? loader.get(item.speaker) : {};
  if (span) for (const [name, value] of callLines(span)) add(name, value);
  const total = store.tree.get(item.id)?.total;
  if (total && (item.kind !== "turn" || lines.length === 0)) {
    const name = item.kind === "chain" ? "All attempts" : "All calls within";
    add(name, `${format.moneyExact(total.cost)} for ${format.plural(total.priced, "call")}`);
    if (total.unpriced > 0) add("Without a price", format.plural(total.unpriced, "call"));
  }
  return lines.length > 0 ? fieldList(lines) : null;
}

export function nameOf(item: Item, span: SpanState | undefined, served: SpanState | undefined): string {
  if (item.kind === "tool") return shownName(toolName(span));
  if (item.kind === "agent") return shownName(agentName(span));
  if (item.kind === "step" || item.kind === "error") return shownName(span?.name);
  const model = shownName(served?.model ?? served?.name);
  return item.kind === "chain" && span?.name ? `${shownName(span.name)} · ${model}` : model;
}

export function errorElement(span: SpanState | undefined): HTMLElement | null {
  const { type, message } = span?.error ?? {};
  if (!type && !message) return null;
  return h(
    "p",
    { class: "story-error", dir: "auto" },
    visible([errorType(type?.split(".").at(-1) ?? ""), message].filter(Boolean).join(": ")),
  );
}
