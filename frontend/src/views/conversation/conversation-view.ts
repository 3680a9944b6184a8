/** What was asked and answered in a span, in its details. It stays one element while the span is shown, and grows. */
import { h } from "../../browser/dom";
import type { Conversation, Message } from "../../run/conversation/model";
import * as format from "../../text/format";
import { visible } from "../../text/visible";
import { type CallLookup, MessageList } from "./message-list";

/** Of a long conversation its end is shown: an agent's call repeats everything before. */
const RECENT = 8;

export class ConversationView {
  readonly element = h("section", { class: "details-section conversation" });
  private readonly heading = h("h3", {}, "Conversation");
  private readonly note = h("p", { class: "details-aside" });
  private readonly earlier = h("button", { class: "button-quiet conversation-earlier", type: "button" });
  private readonly list = new MessageList();
  private current: Conversation | null = null;
  private all = false;
  private growing = false;
  private lookup: CallLookup | undefined;

  constructor(wider: () => boolean) {
    const wide = h("button", { class: "button-quiet", type: "button", "aria-pressed": "false" }, "Wide");
    wide.addEventListener("click", () => wide.setAttribute("aria-pressed", String(wider())));
    this.earlier.addEventListener("click", () => {
      this.all = true;
      this.draw();
    });
    const head = h("div", { class: "conversation-head" }, this.heading, h("span", { class: "grow" }), wide);
    this.element.append(head, this.note, this.earlier, this.list.element);
  }

  /** Another span is shown. */
  reset(): void {
    this.current = null;
    this.all = false;
    this.list.update([], { growing: false });
  }

  update(conversation: Conversation, growing: boolean, lookup?: CallLookup): void {
    if (conversation === this.current && growing === this.growing && lookup === this.lookup) return;
    this.current = conversation;
    this.growing = growing;
    this.lookup = lookup;
    this.draw();
  }

  private draw(): void {
    const { current } = this;
    if (!current) return;
    const messages: Message[] = [...current.asked, ...current.answered];
    const hidden = this.all ? 0 : hiddenOf(messages, current.answered.length);
    const roles = new Set(messages.map((one) => one.role));
    this.heading.textContent =
      roles.has("input") || roles.has("output") ? "Input and output" : "Conversation";
    this.note.hidden = current.tools.length === 0;
    this.note.textContent = `Tools it may call: ${visible(current.tools.join(", "))}`;
    this.earlier.hidden = hidden === 0;
    this.earlier.textContent = `Show ${format.plural(hidden, "earlier message")}`;
    const isFirst = messages[0]?.role === "system" ? messages.slice(0, 1) : [];
    const shown = hidden === 0 ? messages : [...isFirst, ...messages.slice(hidden + isFirst.length)];
    this.list.update(shown, { growing: this.growing, ...(this.lookup ? { lookup: this.lookup } : {}) });
  }
}

function hiddenOf(messages: readonly Message[], answered: number): number {
  const system = messages[0]?.role === "system" ? 1 : 0;
  const hidden = messages.length - system - Math.max(RECENT, answered + 1);
  return hidden > 3 ? hidden : 0;
}
