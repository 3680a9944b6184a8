/**
 * The state of one run: a plain Map of spans plus version counters.
 *
 * A snapshot is loaded whole; tail events are folded onto it in `seq` order (`fold.ts`). Nothing here is reactive:
 * views compare `version` and read what they need.
 */
import { changesSpan, compare, FINAL, merged, RUNNING, rank } from "./fold";
import { ClockSkews } from "./run/time/clock-skews";
import { takeFolds } from "./run/tree/folds";
import type {
  ClockSkew,
  Folded,
  Frame,
  RunSummary,
  Snapshot,
  SpanEvent,
  SpanState,
  TailEvent,
  TraceWindow,
} from "./service/wire";
import { costNano } from "./text/format";
import { targetOf } from "./text/span-target";
import { type Share, TraceTree } from "./tree";

/** Events kept for the livetail; older ones are dropped from the page, never from the run. */
export const TAIL_LIMIT = 10_000;

/** Events of one span that are kept while it runs for hours; its details fetch them all. */
export const SPAN_EVENTS_LIMIT = 1_000;

/** Children of one span that are taken from the tail while only a part of the run is here. */
const LIVE_CHILDREN = 500;

/** What a span adds to the sums of its branch, if it is no wrapper (`tree.ts`): an LLM call, or what is stated of several. */
function shareOf(state: SpanState): Share {
  const hasEnded = rank(state.status) === FINAL;
  const stated = state.kind === "llm_call" ? state : hasEnded ? state.account : undefined;
  const cost = stated && costNano(stated);
  const unpriced = stated === state ? isUnpriced(state) : stated !== undefined && cost === undefined;
  return {
    cost: cost ?? 0,
    priced: cost === undefined ? 0 : 1,
    unpriced: unpriced ? 1 : 0,
    errors: state.status === "error" ? 1 : 0,
    llm: stated && hasEnded && wasAsked(state) ? 1 : 0,
  };
}

/** A call whose price is missing. One that failed or was skipped before a token was used has none to be missed. */
export function isUnpriced(state: Pick<SpanState, "cost_source" | "status" | "tokens">): boolean {
  const lacksNone = (state.status === "error" || state.status === "skipped") && state.tokens === undefined;
  return state.cost_source === "unpriced" && !lacksNone;
}

/** Whether it was a call at all: an attempt that was skipped before it used anything is none. */
function wasAsked(state: SpanState): boolean {
  return state.status !== "skipped" || state.tokens !== undefined || (costNano(state) ?? 0) > 0;
}

/** An ended span without what only its details show; they are fetched. In a run of hours it would be gigabytes. */
function lean(state: SpanState): SpanState {
  if (rank(state.status) === RUNNING) return state;
  const { attributes: _attributes, types: _types, links: _links, content: _content, ...shown } = state;
  const { changed: _changed, derived: _derived, sent: _sent, span_events: events, error, ...rest } = shown;
  const kept: SpanState = rest;
  const target = targetOf(state);
  if (target) kept.target = target;
  if (events) kept.span_events = events.map(({ ts, name }) => ({ ts, name }));
  if (error) {
    const { traceback: _traceback, ...stated } = error;
    kept.error = stated;
  }
  return kept;
}

export class RunStore {
  readonly spans = new Map<string, SpanState>();
  /** The newest events, oldest first. */
  tail: TailEvent[] = [];
  /** Grows with every visible change. */
  version = 0;
  /** Grows when a span appears or gets another parent or start: only then the tree must be built on. */
  structure = 0;
  /** Grows with each new tail event. */
  tailVersion = 0;
  /** Events that left the page's own buffer at its front. */
  tailTrimmed = 0;
  start: number | undefined;
  /** The newest moment that any span or event speaks of. */
  latest = 0;
  nextIndex = 0;
  epoch: string | number | null = null;
  errors = 0;
  readonly running = new Set<string>();
  /** Why a span was skipped or cancelled, as far as the tail tells: a snapshot comes without attributes. */
  readonly reasons = new Map<string, string>();
  /** Why calls have no price, as far as it is stated, and how many each reason holds for. */
  readonly unpricedNotes = new Map<string, number>();

  /** What is known of the clocks that the spans' times are of. */
  readonly clocks = new ClockSkews();
  readonly tree = new TraceTree();
  /** What stands below a span and is not here ("": below none), where the run is here in parts. */
  readonly folded = new Map<string, Folded>();
  /** The run as the service counts it, where only a part of it is here. */
  whole: RunSummary | null = null;
  /** Spans that the service has read so far of a run that it is reading for the first time. */
  indexed: number | null = null;

  /** Spans of the whole run. */
  get spanCount(): number {
    return Math.max(this.spans.size, this.whole?.spans ?? 0);
  }

  /** Spans of the whole run that failed. */
  get errorCount(): number {
    return Math.max(this.errors, this.whole?.errors ?? 0);
  }

  /** Spans of the whole run that run. */
  get runningCount(): number {
    return this.whole?.open ?? this.running.size;
  }

  /** Takes the first window of a run that is too large to be here whole. */
  loadWindow(window: TraceWindow): void {
    this.load(window);
    this.addWindow(window);
  }

  /** Keeps of the run no more than a window of it; the tail stays. */
  foldAgain(window: TraceWindow): void {
    const { tail, tailTrimmed, nextIndex, latest } = this;
    const reasons = new Map(this.reasons);
    this.loadWindow(window);
    Object.assign(this, { tail, tailTrimmed, nextIndex, latest });
    for (const [id, reason] of reasons) if (this.spans.has(id)) this.reasons.set(id, reason);
  }

  /** Takes a further window: spans that are not here yet or newer, and what is folded now. */
  addWindow(window: TraceWindow): void {
    // While the service still reads the run it cannot say which clocks are right.
    if (window.complete) this.takeSkews(window.run.clock_skew ?? []);
    for (const span of window.spans) {
      const before = this.spans.get(span.span_id);
      if (!before || compare({ event: span.event ?? "", ...span }, before) > 0)
        this.put(span.span_id, before, lean(span));
    }
    takeFolds(
      { tree: this.tree, ids: new Set(this.spans.keys()), running: this.running, folded: this.folded },
      window,
    );
    this.whole = window.run;
    this.indexed = window.complete ? null : window.indexed;
    if (typeof window.run.end === "number" && window.run.end > this.latest) this.latest = window.run.end;
    this.version++;
    this.structure++;
  }

  load(snapshot: Snapshot): void {
    this.spans.clear();
    this.running.clear();
    this.reasons.clear();
    this.unpricedNotes.clear();
    this.tail = [];
    this.errors = 0;
    this.tailTrimmed = 0;
    this.start = undefined;
    this.latest = 0;
    this.nextIndex = snapshot.next_index;
    this.epoch = snapshot.epoch;
    this.clocks.clear();
    this.clocks.learn(snapshot.spans);
    this.tree.clear();
    this.folded.clear();
    this.whole = null;
    this.indexed = null;
    // Parents before children: otherwise half the tree would pass through placeholders.
    const byStart = snapshot.spans.slice().sort((a, b) => (a.start ?? 0) - (b.start ?? 0));
    for (const span of byStart) this.put(span.span_id, undefined, span);
    this.version++;
    this.structure++;
    this.tailVersion++;
  }

  /** Folds a frame; events before `nextIndex` were seen already and are left out. */
  fold(frame: Frame): void {
    for (const event of frame.logs) {
      if (event.seq < this.nextIndex) continue;
      this.nextIndex = event.seq + 1;
      this.foldEvent(event);
      this.tail.push(event);
    }
    if (frame.logs.length > 0) {
      this.version++;
      this.tailVersion++;
      this.trimTail();
    }
    if (frame.next_index > this.nextIndex) this.nextIndex = frame.next_index;
  }

  /** Puts events from before the snapshot in front of the livetail. Their spans are in the snapshot. */
  prependHistory(events: readonly TailEvent[]): void {
    const first = this.tail[0]?.seq ?? this.nextIndex;
    const older = events.filter((event) => event.seq < first);
    if (older.length === 0) return;
    this.tail = older.concat(this.tail);
    const known = this.reasons.size;
    for (const event of older) this.noteReason(event);
    // A log record may tell what was said in a span.
    const tells = older.some(({ event, attributes }) => event === "log" && attributes !== undefined);
    if (tells || this.reasons.size > known) this.version++;
    this.tailVersion++;
    this.trimTail();
  }

  foldEvent(event: TailEvent): void {
    if (event.ts > this.latest) this.latest = event.ts;
    const id = event.span_id;
    if (id === undefined || event.event === "log") return;
    const before = this.spans.get(id);
    if (!before && this.whole && !this.hasPlaceFor(event)) return;
    this.noteReason(event);
    if (changesSpan(event, before)) this.foldState(id, before, event);
    else this.foldSpanEvent(id, before, event);
  }

  /** While the run is here in parts: whether all children of the new span's parent are here, and it is one more. */
  private hasPlaceFor(event: TailEvent): boolean {
    const parentId = event.parent_id;
    if (!parentId) return !this.folded.has("") && this.tree.roots.length < LIVE_CHILDREN;
    const parent = this.tree.get(parentId);
    return parent?.known === true && !this.folded.has(parentId) && parent.children.length < LIVE_CHILDREN;
  }

  private foldState(id: string, before: SpanState | undefined, event: TailEvent): void {
    // A snapshot may be newer than the tail that follows it: then the tail repeats what is known.
    if (before && compare(event, before) < 0) return;
    const { seq: _seq, level: _level, logger: _logger, message: _message, ...change } = event;
    const state = change as SpanState;
    this.put(id, before, lean(before ? merged(before, state) : state));
  }

  private foldSpanEvent(id: string, before: SpanState | undefined, event: TailEvent): void {
    const note: SpanEvent = { ts: event.ts, name: event.event };
    if (event.attributes) note.attributes = event.attributes;
    if (event.types) note.types = event.types;
    if (!before) {
      // The span's start was lost: what the event says about its span is all there is.
      const { seq: _seq, level: _level, logger: _logger, message: _message, ...rest } = event;
      const { attributes: _attributes, types: _types, changed: _changed, ...state } = rest as SpanState;
      this.put(id, undefined, { ...state, span_id: id, span_events: [note] });
      return;
    }
    if (event.noted !== undefined && before.noted !== undefined && event.noted <= before.noted) return;
    const notes = before.span_events ?? [];
    const kept = notes.length > SPAN_EVENTS_LIMIT * 1.1 ? notes.slice(-SPAN_EVENTS_LIMIT) : notes;
    const merged: SpanState = { ...before, span_events: [...kept, note] };
    if (event.noted !== undefined) merged.noted = event.noted;
    if (event.rev !== undefined && event.rev > (before.rev ?? -1)) merged.rev = event.rev;
    this.put(id, before, merged);
  }

  private noteReason(event: TailEvent): void {
    if (event.status !== "skipped" && event.status !== "cancelled") return;
    const reason = event.attributes?.["spantail.reason"];
    if (event.span_id !== undefined && typeof reason === "string") this.reasons.set(event.span_id, reason);
  }

  /** Clocks are estimated anew: spans that came since are of them too. */
  takeSkews(found: readonly ClockSkew[]): void {
    this.clocks.take(found);
    let changed = false;
    for (const [id, span] of this.spans) {
      const marked = this.clocks.marked(span);
      if (marked === span) continue;
      this.spans.set(id, marked);
      changed = true;
    }
    if (changed) this.version++;
  }

  private put(id: string, before: SpanState | undefined, read: SpanState): void {
    const state = this.clocks.marked(read);
    this.spans.set(id, state);
    this.noteUnpriced(before, -1);
    this.noteUnpriced(state, 1);
    if (state.status === "running") this.running.add(id);
    else this.running.delete(id);
    if (before?.status === "error") this.errors--;
    if (state.status === "error") this.errors++;
    const { start, end } = state;
    if (start !== undefined && (this.start === undefined || start < this.start)) this.start = start;
    if (start !== undefined && start > this.latest) this.latest = start;
    if (typeof end === "number" && end > this.latest) this.latest = end;
    if (!before || before.parent_id !== state.parent_id || before.start !== start) {
      this.structure++;
      this.tree.place(id, state.parent_id, start ?? state.ts ?? 0);
    }
    this.tree.measure(id, shareOf(state));
  }

  private noteUnpriced(state: SpanState | undefined, by: number): void {
    if (!state?.cost_note || !isUnpriced(state)) return;
    const calls = (this.unpricedNotes.get(state.cost_note) ?? 0) + by;
    if (calls > 0) this.unpricedNotes.set(state.cost_note, calls);
    else this.unpricedNotes.delete(state.cost_note);
  }

  private trimTail(): void {
    // In steps of a tenth: shifting ten thousand entries for every event would be quadratic.
    if (this.tail.length <= TAIL_LIMIT * 1.1) return;
    const surplus = this.tail.length - TAIL_LIMIT;
    this.tail.splice(0, surplus);
    this.tailTrimmed += surplus;
  }
}
