/** The selected span, whole: fetched once, then kept up to date while it changes. */

import { byId, copyText, setText } from "../../browser/dom";
import type { RunSession } from "../../run/session";
import { type Api, ProblemError } from "../../service/api";

import type { SpanState } from "../../service/wire";

import { rowName } from "../../text/span-target";
import { type Outcome, SectionList } from "./details-section";
import { SECTIONS } from "./section-order";
import { merge, missing } from "./span-sections";

/** A span may change many times a second; its whole state is asked for less often. */
const REFETCH_MS = 600;

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
  private readonly list = new SectionList(this.body);

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
    this.fetchedFor = null;
    this.list.clear();
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
      this.list.put([{ key: "none", value: this.failed, build: () => missing(this.failed) }]);
      return;
    }
    setText(this.title, rowName(span));
    const { outcome, failed, whole, text } = this;
    const context = { span, isWhole: whole !== null, text, failed, session, outcome, nowUs: this.now() };
    this.list.put(SECTIONS.map((build) => build(context)).filter((section) => section !== null));
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
}
