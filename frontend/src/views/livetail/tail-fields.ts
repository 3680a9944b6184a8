/** Everything that one event says: its fields in words, its attributes, the rest as it came. */
import { copyText, h, icon } from "../../browser/dom";
import { tokensText } from "../../run/tail/events";
import { writeJson } from "../../service/json";
import type { Attributes, AttributeValue, TailEvent } from "../../service/wire";
import { kindWords } from "../../text/event-words";
import * as format from "../../text/format";
import { reasonWords } from "../../text/reasons";
import { attributeTable } from "../details/attribute-list";
import { longText } from "../details/long-text";
import { type Field, fieldList } from "../details/span-sections";
import { lateTitle } from "./tail-row";

/** What has words of its own, or is told elsewhere in the panel. */
const SHOWN_ELSEWHERE: ReadonlySet<string> = new Set(
  (
    "seq ts event level logger message name status start end backend model tier tokens cost_usd cost_nano " +
    "cost_source cost_note error attributes types span_id parent_id run_id service runner fallback_from " +
    "fallback_reason kind attempt layer"
  ).split(" "),
);

export interface FieldsContext {
  readonly spanName: string;
  /** µs */
  readonly late: number | undefined;
  readonly line: string;
  /** Goes to the event's span; null where the page does not have it. */
  readonly goToSpan: (() => void) | null;
}

export function eventFields(event: TailEvent, context: FieldsContext): HTMLElement {
  const element = h("div", { class: "event-fields" }, actions(event, context));
  const { message, error, attributes = {}, types } = event;
  if (message && (message.includes("\n") || message.length > 200)) element.append(longText(message));
  element.append(fieldList(fields(event, context)));
  if (error?.traceback) element.append(longText(error.traceback));
  const rest = restOf(event);
  if (Object.keys(attributes).length > 0) element.append(attributeTable(attributes, types ? { types } : {}));
  if (Object.keys(rest).length > 0) element.append(attributeTable(rest, {}));
  return element;
}

function actions(event: TailEvent, { goToSpan, line }: FieldsContext): HTMLElement {
  const bar = h("div", { class: "event-actions" });
  if (goToSpan) {
    const button = h("button", { class: "button-quiet", type: "button" }, icon("branch"), "Go to the span");
    button.addEventListener("click", goToSpan);
    bar.append(button);
  }
  bar.append(
    copy("Copy line", () => line),
    copy("Copy as JSON", () => writeJson(event, 2)),
  );
  return bar;
}

function copy(word: string, text: () => string): HTMLElement {
  const caption = h("span", {}, word);
  const button = h("button", { class: "button-quiet", type: "button" }, icon("copy"), caption);
  button.addEventListener("click", async () => {
    caption.textContent = (await copyText(text())) ? "Copied" : "Not allowed";
    setTimeout(() => {
      caption.textContent = word;
    }, 1_500);
  });
  return button;
}

function fields(event: TailEvent, { spanName, late }: FieldsContext): Field[] {
  const list: Field[] = [];
  const add = (name: string, value: string | null | undefined, title?: string, mono = false) => {
    if (value) list.push([name, value, title, mono]);
  };
  const { start, end, tokens, error, message = "" } = event;
  add("Event", event.event, undefined, true);
  add("Time", format.dateTime(event.ts));
  if (late !== undefined) add("Late by", format.duration(late), lateTitle(late));
  if (!message.includes("\n") && message.length <= 200) add("Message", message);
  add("Level", event.level);
  add("Logger", event.logger, undefined, true);
  add("Span", spanName, event.name === spanName ? undefined : event.name);
  add("Kind", event.kind && kindWords(event.kind), event.kind);
  add("Status", event.status);
  if (typeof start === "number" && typeof end === "number") add("Duration", format.duration(end - start));
  add("Error", [error?.type, error?.message].filter(Boolean).join(": "));
  add("Layer", event.layer);
  add("Backend", event.backend);
  add("Model", event.model);
  add("Model tier", event.tier);
  if (event.attempt !== undefined) add("Attempt", String(event.attempt));
  if (event.fallback_from)
    add(
      "Fallback from",
      [event.fallback_from, reasonWords(event.fallback_reason ?? "")].filter(Boolean).join(": "),
    );
  add("Tokens", tokensText(tokens));
  const nano = format.costNano(event);
  if (nano !== undefined) add("Cost", format.moneyExact(nano));
  add("Cost source", [event.cost_source, event.cost_note].filter(Boolean).join(": "));
  add("Service", event.service);
  add("Runner", event.runner, undefined, true);
  add("Span id", event.span_id, undefined, true);
  add("Parent id", event.parent_id, undefined, true);
  add("Number", format.count(event.seq), "Its place in the run's order of arrival");
  return list;
}

/** What has no words of its own, by the names on the wire. */
function restOf(event: TailEvent): Attributes {
  const rest: Attributes = {};
  for (const [name, value] of Object.entries(event)) {
    const isEmpty = value === null || (typeof value === "object" && Object.keys(value).length === 0);
    if (!SHOWN_ELSEWHERE.has(name) && !isEmpty) rest[name] = value as AttributeValue;
  }
  return rest;
}
