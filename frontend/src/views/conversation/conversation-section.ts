/** The conversation of a span in its details, and what to do where there is none. */
import { byId, h } from "../../browser/dom";
import { LogRecords } from "../../run/conversation/logs";
import type { Conversation } from "../../run/conversation/model";
import { conversationOf } from "../../run/conversation/sources";
import type { SpanState } from "../../service/wire";
import type { RunStore } from "../../store";
import type { SectionBuilder } from "../details/details-section";
import { ConversationView } from "./conversation-view";

const CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT";

/** One at a time is on the page: it keeps what its reader has opened while the span grows. */
let view: ConversationView | undefined;
let shownFor: string | undefined;
/** Spans right below a tool whose log records are read with it. */
const MOST_CHILDREN = 8;
const logs = new LogRecords();
const read = new WeakMap<SpanState, { lines: number; conversation: Conversation | null }>();

export const conversationSection: SectionBuilder = ({ span, session }) => {
  const conversation = readOnce(span, session.store);
  if (!conversation) return null;
  view ??= new ConversationView(widen);
  const key = `${session.runId} ${span.span_id}`;
  if (shownFor !== key) view.reset();
  shownFor = key;
  view.update(conversation, span.status === "running");
  const { element } = view;
  return { key: "conversation", value: key, build: () => element };
};

/** A call that tells nothing of what was said, and no mark that something was left out. */
export const noContentSection: SectionBuilder = ({ span, isWhole, session }) => {
  const isCall = span.kind === "llm_call" && span.status !== "running" && span.status !== "skipped";
  if (!isCall || !isWhole || span.content?.length || readOnce(span, session.store)) return null;
  return { key: "no-content", value: span.span_id, build: hint };
};

/** Read again only when the span or the log records about it are others. */
export function readOnce(span: SpanState, store: RunStore): Conversation | null {
  const children = () =>
    (store.tree.get(span.span_id)?.children ?? []).slice(0, MOST_CHILDREN).map(({ id }) => id);
  const found = logs.of(span, store.tail, children);
  const known = read.get(span);
  if (known?.lines === found.length) return known.conversation;
  const conversation = conversationOf(span, found);
  read.set(span, { lines: found.length, conversation });
  return conversation;
}

function hint(): HTMLElement {
  return h(
    "section",
    { class: "details-hint", "aria-label": "No conversation" },
    h(
      "p",
      {},
      "Prompt and answer were not sent with this call. Most instrumentations record them when ",
      h("code", {}, CAPTURE, h("wbr"), "=true"),
      " is set in the application; some have a setting of their own.",
    ),
  );
}

/** The details take more of the page, or again as much as before. */
function widen(): boolean {
  return byId("details").toggleAttribute("data-wide");
}
