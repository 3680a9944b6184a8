/** A span's events: where they lie in its time, and what each says. */

import { h } from "../../../browser/dom";
import type { SpanEvent, SpanState } from "../../../service/wire";
import { count, dateTime, duration } from "../../../text/format";
import { visible } from "../../../text/visible";
import { timesShown, within } from "../../../text/when";
import { attributeTable } from "../attribute-list";
import type { SectionBuilder } from "../details-section";
import { droppedNote } from "../span-sections";

/** Events that are listed at once. */
const PAGE = 50;
/** More marks on the bar could not be told apart. */
const PLACES = 160;

export const eventSection: SectionBuilder = ({ span, nowUs }) => {
  const events = (span.span_events ?? []).filter((event) => event.name !== "exception" || !span.error);
  if (events.length === 0) return null;
  return {
    key: `events ${timesShown()}`,
    value: span.span_events,
    build: () => eventBlock(span, events, nowUs),
  };
};

function eventBlock(span: SpanState, events: readonly SpanEvent[], nowUs: number): HTMLElement {
  const list = h("ol", { class: "event-list" });
  const more = h("button", { class: "button-quiet", type: "button" });
  const bar = eventBar(span, events, nowUs);
  let shown = 0;
  const grow = (to: number) => {
    const items = events.slice(shown, to).map((event, at) => item(span, event, shown + at));
    shown = Math.min(to, events.length);
    list.append(...items);
    const left = events.length - shown;
    more.hidden = left === 0;
    more.textContent = `Show ${count(Math.min(left, PAGE))} more of ${count(left)}`;
  };
  more.addEventListener("click", () => grow(shown + PAGE));
  grow(PAGE);
  const place = (target: EventTarget | null) =>
    target instanceof Element ? target.closest<HTMLElement>("[data-at]") : null;
  // A mark and its line in the list point to each other.
  list.addEventListener("pointerover", (event) => {
    const at = place(event.target)?.dataset.at;
    for (const mark of bar?.querySelectorAll<HTMLElement>(".event-mark") ?? [])
      mark.toggleAttribute("data-near", at !== undefined && mark.dataset.at === at);
  });
  bar?.addEventListener("click", (event) => {
    const at = place(event.target)?.dataset.first;
    if (at === undefined) return;
    if (Number(at) >= shown) grow(Number(at) + PAGE);
    const line = list.children[Number(at)];
    line?.scrollIntoView({ block: "nearest" });
    for (const each of list.children) each.toggleAttribute("data-near", each === line);
  });
  return h(
    "section",
    { class: "details-section" },
    h("h3", {}, `Events ${count(events.length)}`),
    bar,
    list,
    more,
  );
}

/** Marks over the span's time; null where it has none. The list says the same in words. */
function eventBar(span: SpanState, events: readonly SpanEvent[], nowUs: number): HTMLElement | null {
  const { start, end } = span;
  if (start === undefined) return null;
  const until = typeof end === "number" ? end : nowUs;
  const length = until - start;
  if (length <= 0) return null;
  const bar = h("div", { class: "event-bar", "aria-hidden": "true" });
  const marks = new Map<number, { first: number; names: string[]; many: number }>();
  events.forEach((event, at) => {
    const place = placeOf(event, start, length);
    const mark = marks.get(place) ?? { first: at, names: [], many: 0 };
    mark.many++;
    if (mark.names.length < 5) mark.names.push(visible(event.name));
    marks.set(place, mark);
  });
  for (const [place, { first, names, many }] of marks) {
    const rest = many > names.length ? `\nand ${count(many - names.length)} more` : "";
    const mark = h("span", {
      class: "event-mark",
      "data-at": place,
      "data-first": first,
      title: names.join("\n") + rest,
    });
    mark.style.left = `${(place / PLACES) * 100}%`;
    bar.append(mark);
  }
  const ends = h("div", { class: "event-ends" }, h("span", {}, "0"), h("span", {}, duration(length)));
  return h("div", { class: "event-time", "aria-hidden": "true" }, bar, ends);
}

/** Events of another clock may lie outside of the span: they stand at its ends. */
function placeOf(event: SpanEvent, start: number, length: number): number {
  const share = (event.ts - start) / length;
  return Math.round(Math.min(1, Math.max(0, share)) * PLACES);
}

function item(span: SpanState, event: SpanEvent, at: number): HTMLElement {
  const { start, end } = span;
  const { attributes = {} } = event;
  const after = start === undefined ? "" : within(event.ts, start);
  const isOutside = start !== undefined && (event.ts < start || (typeof end === "number" && event.ts > end));
  const line = h(
    "div",
    { class: "event-line" },
    h("span", { class: "event-offset", title: dateTime(event.ts) }, after),
    h("span", { class: "mono" }, visible(event.name)),
    isOutside && h("span", { class: "details-aside" }, "outside of the span's time"),
  );
  const length = typeof end === "number" && start !== undefined ? end - start : 0;
  return h(
    "li",
    { "data-at": start !== undefined && length > 0 ? placeOf(event, start, length) : at },
    line,
    Object.keys(attributes).length > 0 ? attributeTable(attributes, event) : null,
    droppedNote(event.dropped),
  );
}
