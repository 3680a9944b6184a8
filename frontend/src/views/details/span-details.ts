/** The selected span, whole: fetched once, then kept up to date while it changes. */

import { byId, copyText, h, setText } from "../../browser/dom";
import { progressText, tokenCounts } from "../../run/events";
import type { ResultState } from "../../run/run-result";
import type { RunSession } from "../../run/session";
import { type Api, ProblemError } from "../../service/api";
import { writeJson } from "../../service/json";
import type { SpanState, TailEvent } from "../../service/wire";
import { isUnpriced } from "../../store";
import * as format from "../../text/format";
import { reasonWords } from "../../text/reasons";
import {
  costAround,
  costSource,
  droppedWords,
  flagWords,
  lostContent,
  skewWords,
} from "../../text/span-words";
import { shownName } from "../../text/visible";
import { abandonedText } from "../status";
import { resultBlock } from "./result-block";
import {
  attributeBlock,
  DROPPED,
  errorBlock,
  eventBlock,
  type Field,
  fieldList,
  head,
  linkBlock,
  logBlock,
  lostContentBlock,
  merge,
  sourceBlock,
} from "./span-sections";

/** A span may change many times a second; its whole state is asked for less often. */
const REFETCH_MS = 600;
const MAX_LOG_LINES = 200;

interface Section {
  readonly key: string;
  /** What the section shows; it is built again only when this differs, so that a text selection survives. */
  readonly value: unknown;
  readonly build: () => HTMLElement;
}

/** What came of the run that is shown. */
export interface Outcome {
  readonly state: ResultState;
  again(): void;
}

export class SpanDetailsView {
  private readonly panel = byId("details");
  private readonly body = byId("details-body");
  private readonly title = byId("details-title");
  private readonly api: Api;
  private readonly now: () => number;
  private readonly outcome: Outcome;
  private session: RunSession | null = null;
  private spanId: string | null = null;
  private whole: SpanState | null = null;
  /** What the service answered, for the clipboard: parsed and written again it would not be the same. */
  private text = "";
  private failed = "";
  /** What the page knew of the span when it was fetched; null before that. */
  private fetchedFor: SpanState | undefined | null = null;
  private timer: number | undefined;
  private abort = new AbortController();
  private joined: { whole: SpanState | null; known: SpanState | undefined; span: SpanState | null } | null =
    null;
  private lines: { version: number; spanId: string; found: TailEvent[] } | null = null;
  private readonly built = new Map<string, { value: string; element: HTMLElement }>();

  constructor(api: Api, now: () => number, outcome: Outcome, close: () => void) {
    this.api = api;
    this.now = now;
    this.outcome = outcome;
    const copy = byId("details-copy");
    copy.addEventListener("click", async () => {
      copy.dataset.answer = (await copyText(this.text)) ? "Copied" : "Not allowed";
      setTimeout(() => delete copy.dataset.answer, 1_500);
    });
    byId("details-close").addEventListener("click", close);
    this.panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape") close();
    });
  }

  show(session: RunSession | null, spanId: string | null): void {
    if (this.session === session && this.spanId === spanId) return;
    this.abort.abort();
    this.abort = new AbortController();
    clearTimeout(this.timer);
    this.timer = undefined;
    this.session = session;
    this.spanId = spanId;
    this.whole = null;
    this.text = "";
    this.failed = "";
    this.joined = null;
    this.lines = null;
    this.fetchedFor = null;
    this.built.clear();
    this.body.replaceChildren();
    this.body.scrollTop = 0;
    this.panel.hidden = spanId === null;
    if (spanId) this.draw();
  }

  /** Shows the beginning, and leads the keyboard there. */
  toTop(): void {
    this.body.scrollTop = 0;
    this.body.focus();
  }

  /** Follows the store: called on each change of the run. */
  draw(): void {
    const { session, spanId } = this;
    byId("details-copy").hidden = this.text === "";
    if (!session || !spanId) return;
    const known = session.store.spans.get(spanId);
    if (known !== this.fetchedFor && this.timer === undefined) {
      const wait = this.whole ? REFETCH_MS : 0;
      this.timer = window.setTimeout(() => void this.fetch(), wait);
    }
    const span = this.merged(known);
    if (!span) {
      setText(this.title, "Span");
      this.put([{ key: "none", value: this.failed, build: () => this.missing() }]);
      return;
    }
    setText(this.title, shownName(span.name));
    this.put(this.sections(span));
  }

  /** Joined once per change: the same object then means that nothing has changed. */
  private merged(known: SpanState | undefined): SpanState | null {
    if (!this.joined || this.joined.whole !== this.whole || this.joined.known !== known) {
      this.joined = { whole: this.whole, known, span: merge(this.whole, known) };
    }
    return this.joined.span;
  }

  private async fetch(): Promise<void> {
    const { session, spanId, abort } = this;
    if (!session || !spanId) return;
    const asked = session.store.spans.get(spanId);
    try {
      const { span, text } = await this.api.span(session.runId, spanId, abort.signal);
      if (abort.signal.aborted) return;
      this.whole = span;
      this.text = text;
      this.fetchedFor = asked;
      this.failed = "";
    } catch (error) {
      if (abort.signal.aborted) return;
      this.fetchedFor = asked;
      this.failed =
        error instanceof ProblemError && (error.status === 404 || error.status === 410)
          ? "The service does not hold this span."
          : "Its attributes could not be loaded.";
    } finally {
      if (!abort.signal.aborted) this.timer = undefined;
    }
    this.draw();
  }

  private missing(): HTMLElement {
    return h("p", { class: "details-note" }, this.failed || "Loading…");
  }

  private put(sections: readonly Section[]): void {
    const wanted = new Set(sections.map((section) => section.key));
    for (const [key, { element }] of this.built) {
      if (wanted.has(key)) continue;
      element.remove();
      this.built.delete(key);
    }
    let previous: HTMLElement | null = null;
    for (const { key, value, build } of sections) {
      const text = serialised(value);
      let entry = this.built.get(key);
      if (!entry || entry.value !== text) {
        const element = build();
        entry?.element.replaceWith(element);
        entry = { value: text, element };
        this.built.set(key, entry);
      }
      const expected: Element | null = previous ? previous.nextElementSibling : this.body.firstElementChild;
      if (expected !== entry.element) {
        if (previous) previous.after(entry.element);
        else this.body.prepend(entry.element);
      }
      previous = entry.element;
    }
  }

  private sections(span: SpanState): Section[] {
    const fields = this.fields(span);
    const sections: Section[] = [
      {
        key: "head",
        value: [span.status, span.kind, span.span_kind, span.backend, span.corrected],
        build: () => head(span),
      },
      { key: "fields", value: fields.map(([name, value]) => [name, value]), build: () => fieldList(fields) },
    ];
    const { state } = this.outcome;
    if (state.phase !== "none" && span.span_id === this.session?.rootId)
      // Before the figures: it is what the run was started for.
      sections.splice(1, 0, {
        key: "result",
        value: state,
        build: () => resultBlock(state, () => this.outcome.again()),
      });
    if (span.error) sections.push({ key: "error", value: span.error, build: () => errorBlock(span) });
    if (this.failed) sections.push({ key: "failed", value: this.failed, build: () => this.missing() });
    const { attributes = {}, content = [], scope_details: scope, resource_details: resource } = span;
    if (content.length > 0) {
      sections.push({ key: "content", value: content, build: () => lostContentBlock(lostContent(content)) });
    }
    if (Object.keys(attributes).length > 0) {
      sections.push({
        key: "attributes",
        value: attributes,
        build: () => attributeBlock(attributes, span),
      });
    }
    const events = (span.span_events ?? []).filter((event) => event.name !== "exception" || !span.error);
    if (events.length > 0) {
      sections.push({ key: "events", value: events, build: () => eventBlock(span) });
    }
    const lines = this.logLines(span.span_id);
    if (lines.length > 0) {
      sections.push({
        key: "logs",
        value: lines.map((line) => line.seq),
        build: () => logBlock(lines, span),
      });
    }
    const links = span.links ?? [];
    if (links.length > 0) sections.push({ key: "links", value: links, build: () => linkBlock(span) });
    if (scope)
      sections.push({
        key: "scope",
        value: scope,
        build: () => sourceBlock("Instrumentation scope", scope),
      });
    if (resource)
      sections.push({ key: "resource", value: resource, build: () => sourceBlock("Resource", resource) });
    return sections;
  }

  private logLines(spanId: string): TailEvent[] {
    const store = this.session?.store;
    if (!store) return [];
    if (!this.lines || this.lines.version !== store.tailVersion || this.lines.spanId !== spanId) {
      const found = store.tail.filter((event) => event.event === "log" && event.span_id === spanId);
      this.lines = { version: store.tailVersion, spanId, found: found.slice(-MAX_LOG_LINES) };
    }
    return this.lines.found;
  }

  private fields(span: SpanState): Field[] {
    const fields: Field[] = [];
    const add = (name: string, value: string | undefined | null, title?: string, mono = false) => {
      if (value) fields.push([name, value, title, mono]);
    };
    const runStart = this.session?.store.start;
    if (span.start !== undefined) {
      const running = span.status === "running";
      const end = typeof span.end === "number" ? span.end : running ? this.now() : undefined;
      if (end !== undefined) {
        const length = Math.max(0, end - span.start);
        add(
          "Duration",
          running ? format.ticking(length) : format.duration(length),
          `${format.count(length)} µs`,
        );
      }
      const offset = runStart === undefined ? "" : ` (+${format.duration(span.start - runStart)})`;
      add("Started", `${format.timeOfDay(span.start)}${offset}`, format.dateTime(span.start));
    }
    if (typeof span.end === "number") add("Ended", format.timeOfDay(span.end), format.dateTime(span.end));
    if (span.abandoned) {
      const { last_heartbeat: last } = span.abandoned;
      add("Abandoned", abandonedText(span.abandoned));
      if (last !== undefined) add("Last heartbeat", format.timeOfDay(last), format.dateTime(last));
    }
    add("Reason", this.session?.store.reasons.get(span.span_id));
    add("Progress", progressText(span.progress));
    add("Model", span.model);
    add("Model tier", span.tier, "The class of model that was asked for; settings say which model that is");
    add("Layer", span.layer);
    if (span.attempt !== undefined) add("Attempt", String(span.attempt));
    if (span.fallback_from)
      add(
        "Fallback from",
        [span.fallback_from, reasonWords(span.fallback_reason ?? "")].filter(Boolean).join(": "),
      );
    add("Tokens", tokenCounts(span.tokens));
    const nano = format.costNano(span);
    if (nano !== undefined) add("Cost", format.money(nano), format.moneyExact(nano));
    else if (isUnpriced(span)) add("Cost", "unpriced", "No price is known for this call");
    if (span.cost_source) add("Cost source", costSource(span));
    const around = costAround(span);
    add("Cost of its calls", around?.value, around?.title);
    add("Status code", statusCode(span), "OpenTelemetry's status: unset unless the application sets it");
    add(
      "Clock",
      skewWords(span.clock_skew_us),
      "Estimated from spans that lie outside of their parents; times are shown as they were sent",
    );
    add("Dropped", droppedWords(span.dropped), DROPPED);
    add("Service", span.service);
    add("Runner", span.runner, undefined, true);
    add("Span id", span.span_id, undefined, true);
    add("Parent id", span.parent_id, undefined, true);
    add("Trace state", span.trace_state, undefined, true);
    if (span.flags !== undefined) add("Flags", flagWords(span.flags), undefined, true);
    return fields;
  }
}

function statusCode(span: SpanState): string | undefined {
  const { status, status_code: code, status_message: message } = span;
  if (status === "running" || status === undefined) return undefined;
  const word = code === "ok" ? "OK" : code === "error" || status === "error" ? "error" : (code ?? "unset");
  return message ? `${word}: ${message}` : word;
}

/** Attributes may be large and are looked at ten times a second while a span runs. */
const texts = new WeakMap<object, string>();

function serialised(value: unknown): string {
  if (value === null || typeof value !== "object") return writeJson(value);
  let text = texts.get(value);
  if (text === undefined) {
    text = writeJson(value);
    texts.set(value, text);
  }
  return text;
}
