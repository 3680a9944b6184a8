/** Messages below each other; what has not changed stays as it is, with what the reader has opened in it. */
import { h } from "../../browser/dom";
import { keyOf, results } from "../../run/conversation/history";
import type { CallPart, Message, Part, ResultPart, Role } from "../../run/conversation/model";
import { writeJson } from "../../service/json";
import { visible } from "../../text/visible";
import { copyButton } from "../details/span-sections";
import { type CallContext, callElement, partElement } from "./part-element";

const ROLE_WORDS: Readonly<Record<Role, string>> = {
  system: "System",
  user: "User",
  assistant: "Assistant",
  tool: "Tool",
  input: "Input",
  output: "Output",
};

/** A finish that says nothing: the answer came to its end, or to a call that is shown. */
const USUAL = /^(stop|end_turn|tool_calls?|tool_use|tool-calls|function_call|completed)$/i;

/** The span of a call's tool, where it is known. */
export type CallLookup = (call: CallPart) => Partial<CallContext>;

export interface ListState {
  /** The last message grows. */
  growing: boolean;
  lookup?: CallLookup;
  /** Messages to take results from without showing them. */
  following?: readonly Message[];
}

interface Shown {
  key: string;
  element: HTMLElement;
}

export class MessageList {
  readonly element = h("div", { class: "messages" });
  private shown: Shown[] = [];

  update(messages: readonly Message[], state: ListState): void {
    const found = results([...messages, ...(state.following ?? [])]);
    const belong = new Set(found.values());
    const listed = messages
      .map((one) => ({
        ...one,
        parts: one.parts.filter((part) => part.kind !== "result" || !belong.has(part)),
      }))
      .filter((one) => one.parts.length > 0);
    const shown = listed.map((one, at): Shown => {
      const isGrowing = state.growing && at === listed.length - 1 && one.role === "assistant";
      const key = `${keyOf(one)} ${one.finish} ${isGrowing} ${callKeys(one, found, state)}`;
      const before = this.shown[at];
      if (before?.key === key) return before;
      const element = messageElement(one, found, state, isGrowing);
      if (before) before.element.replaceWith(element);
      else this.element.append(element);
      return { key, element };
    });
    for (const { element } of this.shown.slice(shown.length)) element.remove();
    this.shown = shown;
  }
}

function callKeys(one: Message, found: ReadonlyMap<CallPart, ResultPart>, state: ListState): string {
  const calls = one.parts.filter((part) => part.kind === "call");
  return calls
    .map((call) => writeJson([found.get(call) ?? null, state.lookup?.(call)?.aside ?? ""]))
    .join(" ");
}

function messageElement(
  one: Message,
  found: ReadonlyMap<CallPart, ResultPart>,
  state: ListState,
  isGrowing: boolean,
): HTMLElement {
  const role = ROLE_WORDS[one.role];
  const text = one.parts.map(textOfPart).filter(Boolean).join("\n\n");
  const finish = one.finish && !USUAL.test(one.finish) ? one.finish.replaceAll("_", " ") : "";
  const head = h(
    "header",
    { class: "message-head" },
    h("span", { class: "message-role" }, role),
    one.name ? h("span", { class: "message-name" }, visible(one.name)) : null,
    isGrowing ? h("span", { class: "message-live" }, "is being written") : null,
    finish
      ? h("span", { class: "message-finish", title: "Why the answer ended" }, `ended: ${visible(finish)}`)
      : null,
    h("span", { class: "grow" }),
    text ? copyButton(text, `${role.toLowerCase()} message`) : null,
  );
  const parts = one.parts.map((part) => {
    if (part.kind !== "call") return partElement(part);
    const known = state.lookup?.(part) ?? {};
    const result = found.get(part) ?? known.result;
    return callElement(part, { ...known, result, isOpen: known.isOpen ?? false });
  });
  const body = h("div", { class: "message-body" }, ...parts);
  const props = { class: "message", "data-role": one.role, "data-growing": isGrowing, "aria-label": role };
  if (one.role !== "system" || text.length < 400) return h("article", props, head, body);
  // Instructions are long, and the same in every call.
  const fold = h(
    "details",
    { class: "fold" },
    h("summary", {}, h("span", { class: "fold-line" }, visible(text.slice(0, 160).replace(/\s+/g, " ")))),
    body,
  );
  return h("article", props, head, fold);
}

function textOfPart(part: Part): string {
  switch (part.kind) {
    case "text":
    case "reasoning":
    case "document":
      return part.text;
    case "result":
      return typeof part.value === "string" ? part.value : writeJson(part.value, 2);
    case "data":
      return writeJson(part.value, 2);
    default:
      return "";
  }
}
