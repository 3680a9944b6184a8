/** One run on the page: its snapshot, then its tail, and the snapshot again when the tail cannot be followed. */

import { backoffMs } from "../connection/backoff";
import type { Connection, ConnectionListener, ConnectionState } from "../connection/connection";
import { type Api, ProblemError } from "../service/api";
import type { BackendTotals, Frame, LayerInfo, Marks, RunSummary, TailEvent } from "../service/wire";
import { RunStore } from "../store";
import { runTimes } from "./time/extent";
import { RunParts } from "./tree/parts";

/** Events from before those that are here, that are asked for at once. */
const HISTORY = 1_000;
/** The tree is drawn before it is asked for. */
const HISTORY_AFTER_MS = 100;
/** Clocks of a run that goes on are estimated again, so often at most … */
const CLOCKS_MS = 5_000;
/** … of one with more spans by its index: of itself the service would know no more than its last snapshot said. */
const CLOCKS_UP_TO = 2_000;
/** A run that has grown so large while it was here is taken in parts from then on. */
const HELD_UP_TO = 100_000;

export interface SessionListener {
  /** Spans, totals or the tail changed. May come often; draw at most once a frame. */
  changed(): void;
  state(state: ConnectionState): void;
  notice(text: string): void;
}

export type Connect = (runId: string, listener: ConnectionListener) => Connection;

export class RunSession {
  readonly runId: string;
  readonly store = new RunStore();
  run: RunSummary | null = null;
  layers: LayerInfo[] = [];
  backends: Record<string, BackendTotals> = {};
  dropped: Record<string, number> = {};
  marks: Marks = {};
  state: ConnectionState = { phase: "connecting" };
  /** The snapshot is here: before that, nothing of the run is known. */
  loaded = false;
  /** Oldest event that the run still has. */
  firstIndex = 0;
  private readonly api: Api;
  private readonly listener: SessionListener;
  private readonly connection: Connection;
  private readonly abort = new AbortController();
  private readonly parts: RunParts;
  private loading = false;
  private historyLoading = false;
  private wakeUp: (() => void) | null = null;
  private clocksTimer: ReturnType<typeof setTimeout> | undefined;
  /** Spans that the list counted when the run was followed again because of them. */
  private askedFor = 0;
  /** What the list said last: perhaps before the run had settled. */
  private listed: RunSummary | undefined;
  /** Since the run has settled, the list has shown the same. */
  private listAgreed = false;

  constructor(api: Api, runId: string, connect: Connect, listener: SessionListener) {
    this.api = api;
    this.runId = runId;
    this.listener = listener;
    this.parts = new RunParts(api, runId, this.store, () => listener.changed());
    this.connection = connect(runId, {
      frame: (frame) => this.take(frame),
      state: (state) => this.setState(state),
      stale: (reason) => {
        if (reason === "epoch")
          listener.notice(
            "The live store lost its data and started anew. This view was rebuilt from what it has now.",
          );
        void this.open();
      },
    });
  }

  /** What the list shows of the run, until the snapshot is here. */
  expect(listed: RunSummary | undefined): void {
    if (!listed) return;
    this.run = listed;
    this.layers = listed.layers ?? [];
    this.backends = listed.backends ?? {};
  }

  /** Takes the snapshot and follows from there; tries again until it is there or known to be gone. */
  async open(): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    try {
      for (let attempt = 1; !this.abort.signal.aborted; attempt++) {
        try {
          const snapshot = await this.api.opening(this.runId, this.abort.signal);
          this.run = snapshot.run;
          this.layers = snapshot.run.layers ?? this.layers;
          this.backends = snapshot.run.backends ?? {};
          this.dropped = snapshot.run.dropped ?? {};
          this.marks = snapshot.run;
          if ("folded" in snapshot) this.store.loadWindow(snapshot);
          else this.store.load(snapshot);
          this.parts.opened(snapshot);
          this.loaded = true;
          this.listener.changed();
          this.connection.start(snapshot.next_index, snapshot.epoch);
          setTimeout(() => void this.loadHistory(), HISTORY_AFTER_MS);
          return;
        } catch (error) {
          if (this.abort.signal.aborted) return;
          if (error instanceof ProblemError && (error.status === 404 || error.status === 410)) {
            this.setState({ phase: "gone", expired: error.status === 410 });
            return;
          }
          const retryInMs = backoffMs(attempt);
          const reason = error instanceof ProblemError ? error.message : "The service cannot be reached";
          this.setState({ phase: "reconnecting", attempt, retryInMs, reason });
          await new Promise<void>((resolve) => {
            this.wakeUp = resolve;
            setTimeout(resolve, retryInMs);
          });
        }
      }
    } finally {
      this.loading = false;
    }
  }

  close(): void {
    clearTimeout(this.clocksTimer);
    this.parts.close();
    this.abort.abort();
    this.wakeUp?.();
    this.connection.stop();
  }

  nudge(): void {
    this.wakeUp?.();
    this.connection.nudge();
    if (this.state.phase === "settled") void this.lookAgain();
  }

  /** What has ended is followed no more: after a night it may have gone on, been lost and sent again, or expired. */
  private async lookAgain(): Promise<void> {
    try {
      const run = await this.api.run(this.runId, this.abort.signal);
      if (this.state.phase !== "settled" || this.abort.signal.aborted) return;
      const { store } = this;
      const { epoch, next_index: next } = run;
      if (epoch !== undefined && epoch !== store.epoch) await this.open();
      else if (next !== undefined && next > store.nextIndex)
        this.connection.start(store.nextIndex, store.epoch);
    } catch (error) {
      if (!(error instanceof ProblemError) || (error.status !== 404 && error.status !== 410)) return;
      this.listener.notice(
        "The service does not have this run any more. What is shown is what this page still holds.",
      );
    }
  }

  /**
   * A settled run may go on (a late span, a runner that came back), and the list is the first to know: it is followed
   * again when the list counts more spans, or shows another status than before.
   */
  compare(listed: RunSummary): void {
    this.listed = listed;
    if (this.state.phase !== "settled") {
      this.listAgreed = false;
      return;
    }
    const spans = listed.spans ?? 0;
    const more = spans > Math.max(this.store.spanCount, this.askedFor);
    const same = listed.status === this.run?.status;
    if (more || (!same && this.listAgreed)) {
      this.askedFor = spans;
      this.listAgreed = false;
      this.connection.start(this.store.nextIndex, this.store.epoch);
    } else if (same) this.listAgreed = true;
  }

  /** The run's root span, as far as it is here. */
  get rootId(): string | null {
    return this.store.tree.roots.find((node) => node.known && !node.cut)?.id ?? null;
  }

  /** When the run began: its root's start, or what the list says of it. */
  get started(): number | undefined {
    return runTimes(this.run, this.store).start ?? this.store.start;
  }

  /** How many events the run still has in front of those that are here. */
  get older(): number {
    const first = this.store.tail[0]?.seq ?? this.store.nextIndex;
    return Math.max(0, first - this.firstIndex);
  }

  get hasEarlier(): boolean {
    const first = this.store.tail[0]?.seq ?? this.store.nextIndex;
    return this.store.tailTrimmed === 0 && first > this.firstIndex;
  }

  /** Puts up to a thousand older events in front of the livetail. */
  async loadHistory(): Promise<void> {
    if (this.historyLoading || this.abort.signal.aborted) return;
    const before = this.store.tail[0]?.seq ?? this.store.nextIndex;
    if (before <= this.firstIndex) return;
    this.historyLoading = true;
    try {
      const epoch = this.store.epoch;
      const frame = await this.api.logsBefore(this.runId, before, HISTORY, this.abort.signal);
      if (frame.epoch !== epoch || this.store.epoch !== epoch) return;
      this.firstIndex = Math.max(this.firstIndex, frame.first_index);
      this.store.prependHistory(frame.logs.filter((event) => event.seq < before));
      this.listener.changed();
    } catch {
      // The tail itself reports trouble; older lines are asked for again on the next scroll to the top.
    } finally {
      this.historyLoading = false;
    }
  }

  /** Events before one that are looked through and not kept; null where they cannot be had now. */
  async olderEvents(before: number): Promise<{ events: TailEvent[]; start: number } | null> {
    const { epoch } = this.store;
    const frame = await this.api.logsBefore(this.runId, before, HISTORY);
    const isSame = !this.abort.signal.aborted && frame.epoch === epoch && this.store.epoch === epoch;
    if (!isSame) return null;
    this.firstIndex = Math.max(this.firstIndex, frame.first_index);
    return { events: frame.logs, start: frame.first_index };
  }

  private take(frame: Frame): void {
    this.firstIndex = frame.first_index;
    if (this.run) this.run.status = frame.status;
    if (frame.layers) this.layers = frame.layers;
    if (frame.backends) this.backends = frame.backends;
    if (frame.dropped) this.dropped = frame.dropped;
    this.marks = frame;
    this.store.fold(frame);
    this.listener.changed();
    if (frame.logs.length > 0) this.planClocks();
    if (this.store.whole) {
      if (frame.logs.length > 0) this.parts.wanted();
    } else if (this.store.spans.size > HELD_UP_TO) void this.open();
  }

  /** A span may be of a clock that the snapshot did not know, or show that one is wrong. */
  private planClocks(): void {
    const { store } = this;
    if (this.clocksTimer !== undefined || !store.clocks.areSeveral || store.whole) return;
    this.clocksTimer = setTimeout(() => void this.lookAtClocks(), CLOCKS_MS);
  }

  private async lookAtClocks(): Promise<void> {
    try {
      const { api, runId, abort, store } = this;
      const isLarge = store.spanCount > CLOCKS_UP_TO;
      const { run, epoch, complete } = isLarge
        ? await api.window(runId, { depth: 0, limit: 1 }, abort.signal)
        : await api.run(runId, abort.signal).then((run) => ({ run, epoch: run.epoch, complete: true }));
      // With the next look the service will have read all of it; a large run's windows bring their clocks.
      if (epoch !== store.epoch || !complete || store.whole) return;
      store.takeSkews(run.clock_skew ?? []);
      this.listener.changed();
    } catch {
      // That the service is away is said elsewhere; with the next spans it is asked again.
    } finally {
      this.clocksTimer = undefined;
    }
  }

  /** Brings more of what is folded below a span ("": below none); nothing where nothing is. */
  unfold(parentId: string): Promise<void> {
    return this.parts.unfold(parentId);
  }

  /** Brings a span that is not here, with those above it; false where the run has none such. */
  reach(spanId: string): Promise<boolean> {
    return this.parts.reach(spanId);
  }

  private setState(state: ConnectionState): void {
    this.state = state;
    this.listener.state(state);
    if (state.phase === "settled" && this.listed) this.compare(this.listed);
  }
}
