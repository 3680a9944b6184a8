/**
 * The flame graph of a run that is here in parts: the service lays out all of it, and sends what is in sight. What was
 * sent last is shown until the next part is here. No DOM.
 */
import type { Api } from "../../service/api";
import type { FlamePlace, RunFlame, SpanState } from "../../service/wire";
import type { RunStore } from "../../store";
import { FlameLayout, type Frame } from "./flame";

/** What is in sight. */
export interface Sight {
  readonly from: number;
  readonly to: number;
  readonly width: number;
  readonly first: number;
  readonly lanes: number;
  /** With the clocks adjusted. */
  readonly adjusts?: boolean;
}

/** Of a run that goes on it is asked for again, so often at most. */
const AGAIN_MS = 2_000;
/** While the service reads the run, and after it could not be reached. */
const SOON_MS = 1_000;
/** While somebody zooms. */
const BETWEEN_MS = 150;
/** So much more than is in sight is asked for, on each side: one may scroll a little. */
const MARGIN = 0.5;
const MARGIN_LANES = 20;
const MOST_LANES = 200;
const MOST_PX = 8_000;
/** From this much closer or further away on, other spans can be told apart. */
const CLOSER = 1.3;

interface Held extends Sight {
  readonly version: number;
  /** What was in sight when it was asked for: whatever has come, it is no use to ask for the same again. */
  readonly answers: Sight;
}

export class WholeFlame {
  layout = new FlameLayout([]);
  /** Spans that the service has read so far; null once it has read all. */
  reading: number | null = null;
  private readonly api: Pick<Api, "flame">;
  private readonly changed: () => void;
  private readonly nowMs: () => number;
  private runId = "";
  private store: RunStore | null = null;
  private states = new Map<string, SpanState>();
  private held: Held | null = null;
  private restUntilMs = 0;
  /** Before that what is here is new enough. */
  private againMs = 0;
  private asking = false;
  private sight: Sight | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(api: Pick<Api, "flame">, changed: () => void, nowMs = () => performance.now()) {
    this.api = api;
    this.changed = changed;
    this.nowMs = nowMs;
  }

  open(runId: string, store: RunStore): void {
    this.rest();
    this.runId = runId;
    this.store = store;
    this.layout = new FlameLayout([]);
    this.states = new Map();
    this.held = null;
    this.reading = null;
    this.restUntilMs = 0;
  }

  /** Nothing is in sight any more. */
  rest(): void {
    clearTimeout(this.timer);
    this.sight = null;
  }

  /** This is in sight now: asks for it where it is not here. */
  see(sight: Sight): void {
    this.sight = sight;
    const { store } = this;
    if (!store || this.asking) return;
    const isHere = this.isHere(sight);
    if (isHere && this.held?.version === store.version) return;
    const rest = (isHere ? Math.max(this.restUntilMs, this.againMs) : this.restUntilMs) - this.nowMs();
    clearTimeout(this.timer);
    if (rest <= 0) void this.ask(store, sight);
    else this.timer = setTimeout(() => this.sight && this.see(this.sight), rest);
  }

  /** A single span of the layout: as the page or the answer has it, else what its frame says. */
  span(frame: Frame): SpanState | undefined {
    const known = this.store?.spans.get(frame.id) ?? this.states.get(frame.id);
    if (known) return known;
    const { id, start, end, failed } = frame as WholeFrame;
    const runs = end === Number.POSITIVE_INFINITY;
    const status = failed ? "error" : runs ? "running" : "ok";
    return { span_id: id, status, start, end: runs ? null : end };
  }

  /** Where a span stands; null where it is not in the run, or the service cannot say. */
  async place(spanId: string): Promise<FlamePlace | null> {
    const { store } = this;
    try {
      while (this.store === store) {
        const answer = await this.api.flame(this.runId, {
          span: spanId,
          width: 1,
          lanes: 1,
          ...(this.sight?.adjusts ? { adjust: true } : {}),
        });
        if (answer.complete) return this.store === store ? answer.place : null;
        await new Promise((resolve) => setTimeout(resolve, SOON_MS));
      }
    } catch {
      // That the service is away is said elsewhere.
    }
    return null;
  }

  private isHere(sight: Sight): boolean {
    const { held } = this;
    if (!held || (held.adjusts ?? false) !== (sight.adjusts ?? false)) return false;
    if (isSame(held.answers, sight)) return true;
    const isAround =
      held.from <= sight.from &&
      held.to >= sight.to &&
      held.first <= sight.first &&
      held.first + held.lanes >= Math.min(sight.first + sight.lanes, this.layout.rows.length);
    const closer = (held.to - held.from) / held.width / ((sight.to - sight.from) / sight.width);
    return isAround && closer < CLOSER && closer > 1 / CLOSER;
  }

  private async ask(store: RunStore, sight: Sight): Promise<void> {
    this.asking = true;
    const span = sight.to - sight.from;
    const first = Math.max(0, sight.first - MARGIN_LANES);
    const from = Math.max(0, Math.floor(sight.from - MARGIN * span));
    const to = Math.ceil(sight.to + MARGIN * span);
    const asked: Held = {
      from,
      to,
      width: Math.min(MOST_PX, Math.ceil((sight.width * (to - from)) / Math.max(1, span))),
      first,
      lanes: Math.min(MOST_LANES, sight.lanes + 2 * MARGIN_LANES),
      version: store.version,
      answers: sight,
      ...(sight.adjusts ? { adjusts: true } : {}),
    };
    const { version: _version, answers: _answers, adjusts, ...query } = asked;
    let rest = SOON_MS;
    try {
      const answer = await this.api.flame(this.runId, adjusts ? { ...query, adjust: true } : query);
      if (this.store !== store) return;
      this.reading = answer.complete ? null : answer.indexed;
      if (answer.complete) {
        rest = BETWEEN_MS;
        this.againMs = this.nowMs() + AGAIN_MS;
        this.take(answer);
        this.held = asked;
      }
    } catch {
      // That the service is away is said elsewhere; it is asked again.
    } finally {
      this.asking = false;
      this.restUntilMs = this.nowMs() + rest;
    }
    this.changed();
    if (this.sight) this.see(this.sight);
  }

  private take(answer: RunFlame): void {
    const rows: Frame[][] = Array.from({ length: answer.lanes }, () => []);
    for (const { lane, start, end, span_id: id, spans, errors, outer } of answer.frames) {
      const frame: WholeFrame = {
        id,
        row: lane,
        start,
        end: end ?? Number.POSITIVE_INFINITY,
        hasChildren: outer,
        failed: errors > 0,
        ...(spans > 1 ? { merged: { spans, errors } } : {}),
      };
      rows[lane]?.push(frame);
    }
    this.layout = new FlameLayout(rows);
    this.states = new Map(answer.states.map((span) => [span.span_id, span]));
  }
}

function isSame(one: Sight, other: Sight): boolean {
  return (["from", "to", "width", "first", "lanes", "adjusts"] as const).every(
    (name) => one[name] === other[name],
  );
}

interface WholeFrame extends Frame {
  readonly failed: boolean;
}
