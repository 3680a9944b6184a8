/** What the details panel is built of: one function per section, span in, element out. */

import { copyText, h, icon } from "../../browser/dom";
import { label, logText } from "../../run/tail/events";
import type { Source, SpanState, TailEvent } from "../../service/wire";
import { kindWords } from "../../text/event-words";
import * as format from "../../text/format";
import { type LostWords, sourceName } from "../../text/span-words";
import { within } from "../../text/when";
import { BackendMark } from "../backend-mark";
import { bidiShown } from "../bidi-text";
import { STATUS_ICONS } from "../status";
import { attributeTable, breakable } from "./attribute-list";

export type Field = [name: string, value: string, title: string | undefined, mono: boolean];

/** The fetched state has the attributes; the store may be ahead of it in everything else. */
export function merge(whole: SpanState | null, known: SpanState | undefined): SpanState | null {
  if (!whole) return known ?? null;
  if (!known) return whole;
  const ahead = (known.rev ?? 0) >= (whole.rev ?? 0);
  const merged: SpanState = ahead ? { ...whole, ...known } : { ...known, ...whole };
  // The same object as long as nothing is added: large attributes are not looked through again.
  const newer = ahead ? (known.attributes ?? {}) : {};
  if (Object.keys(newer).length > 0) merged.attributes = { ...whole.attributes, ...newer };
  else if (whole.attributes) merged.attributes = whole.attributes;
  const events = [whole.span_events ?? [], known.span_events ?? []];
  merged.span_events =
    (events[0]?.length ?? 0) >= (events[1]?.length ?? 0) ? (events[0] ?? []) : (events[1] ?? []);
  if (whole.links && !known.links?.length) merged.links = whole.links;
  if (whole.error && known.error && !known.error.traceback) merged.error = whole.error;
  return merged;
}

export function head(span: SpanState): HTMLElement {
  const status = span.status ?? "running";
  const badge = h(
    "span",
    { class: "status-badge", "data-status": status },
    icon(STATUS_ICONS[status], "glyph"),
    status,
  );
  const known = span.kind ?? "span";
  const title = `What it is. The search finds all of them by kind:${known}`;
  const kind = h("span", { class: "kind-badge", title }, kindWords(known));
  const spanKind =
    span.span_kind && span.span_kind !== "internal"
      ? h("span", { class: "kind-badge", title: "OpenTelemetry's span kind" }, span.span_kind)
      : null;
  const corrected =
    span.corrected &&
    h("span", { class: "kind-badge", title: "It was thought dead and came back" }, "corrected");
  return h(
    "div",
    { class: "details-head" },
    badge,
    kind,
    spanKind,
    span.backend ? new BackendMark(span).element : null,
    corrected,
  );
}

export function fieldList(fields: readonly Field[]): HTMLElement {
  const list = h("dl", { class: "field-list" });
  for (const [name, value, title, mono] of fields) {
    list.append(h("dt", {}, name), h("dd", { title, class: mono ? "mono" : null }, value));
  }
  return list;
}

export function section(title: string, ...content: (HTMLElement | null)[]): HTMLElement {
  return h("section", { class: "details-section" }, h("h3", {}, title), ...content);
}

export function copyButton(text: string, what: string, word = "Copy"): HTMLElement {
  const caption = h("span", {}, word);
  const button = h(
    "button",
    { class: "button-quiet", type: "button", "aria-label": `Copy the ${what}` },
    icon("copy"),
    caption,
  );
  button.addEventListener("click", async () => {
    caption.textContent = (await copyText(text)) ? "Copied" : "Not allowed";
    setTimeout(() => {
      caption.textContent = word;
    }, 1_500);
  });
  return button;
}

export function missing(failed: string): HTMLElement {
  return h("p", { class: "details-note" }, failed || "Loading…");
}

/** A resource or an instrumentation scope. */
export function sourceBlock(title: string, source: Source): HTMLElement {
  const { attributes = {}, dropped, schema_url: schema } = source;
  const name = sourceName(source);
  const count = Object.keys(attributes).length;
  const fields: Field[] = [];
  if (dropped) fields.push(["Dropped", format.plural(dropped, "attribute"), DROPPED, false]);
  if (schema) fields.push(["Schema", schema, undefined, true]);
  return section(
    title,
    name ? h("p", { class: "source-name mono" }, name) : null,
    count > 0 ? attributeTable(attributes, source) : null,
    fields.length > 0 ? fieldList(fields) : null,
  );
}

/** Prompt content that is not here, and how it would be. */
export function lostContentBlock(lost: readonly LostWords[]): HTMLElement {
  return h(
    "section",
    { class: "details-hint", "aria-label": "Content that was not kept" },
    ...lost.map(({ lost: what, setting, where }) =>
      h(
        "p",
        {},
        what,
        setting && " Set ",
        setting && h("code", {}, ...breakable(setting)),
        setting && ` ${where}`,
      ),
    ),
  );
}

export const DROPPED = "Dropped by the sender, or beyond what is kept of a span";

export function logBlock(lines: readonly TailEvent[], span: SpanState): HTMLElement {
  const items = lines.map((line) => {
    const offset = span.start === undefined ? "" : within(line.ts, span.start);
    return h(
      "li",
      { "data-level": (line.level ?? "").toLowerCase() },
      h("span", { class: "event-offset", title: `${format.dateTime(line.ts)} ${line.logger ?? ""}` }, offset),
      h("span", { class: "log-level" }, label(line).replace("log ", "")),
      h("span", { class: "log-message" }, ...bidiShown(logText(line))),
    );
  });
  return section(`Log ${lines.length}`, h("ol", { class: "log-list" }, ...items));
}

export function droppedNote(dropped: number | undefined): HTMLElement | null {
  if (!dropped) return null;
  return h("p", { class: "details-aside", title: DROPPED }, `${format.plural(dropped, "attribute")} dropped`);
}
