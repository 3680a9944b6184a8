/**
 * The flame graph of a run that is here in parts: the service lays out all of it, and sends what is in sight. What was
 * sent last is shown until the next part is here. No DOM.
 */
import type { Api, FlameQuery } from "../../service/api";
import type { FlamePlace, RunFlame, SpanState } from "../../service/wire";
import type { RunStore } from "../../store";
import { FlameLayout, type Frame } from "./flame";
import { OfTheWhole } from "./of-the-whole";

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
/** While the service reads the run. */
const SOON_MS = 1_000;
/** So much more than is in sight is asked for, on each side: one may scroll a little. */
const MARGIN = 0.5;
const MARGIN_LANES = 20;
const MOST_LANES = 200;
const MOST_PX = 8_000;
/** From this much closer or further away on, other spans can be told apart. */
const CLOSER = 1.3;

interface Asked extends FlameQuery {
  readonly from: number;
  readonly to: number;
  readonly width: number;
  readonly first: number;
  readonly lanes: number;
  /** What was in sight when it was asked for: whatever has come, it is no use to ask for the same again. */
  readonly answers: Sight;
}

export class WholeFlame {
  layout = new FlameLayout([]);
  private readonly api: Pick<Api, "flame">;
  private readonly asked: OfTheWhole<Asked, RunFlame>;
  private runId = "";
  private store: RunStore | null = null;
  private states = new Map<string, SpanState>();
  private taken: RunFlame | null = null;
  private sight: Sight | null = null;

  constructor(api: Pick<Api, "flame">, changed: () => void, nowMs?: () => number) {
    this.api = api;
    this.asked = new OfTheWhole(
      (run, { answers: _answers, ...query }) => api.flame(run, query),
      () => {
        if (this.sight) this.see(this.sight);
        changed();
      },
      nowMs,
      AGAIN_MS,
    );
  }

  /** Spans that the service has read so far; null once it has read all. */
  get reading(): number | null {
    return this.asked.reading;
  }

  open(runId: string, store: RunStore): void {
    this.rest();
    this.asked.open(runId, store);
    this.runId = runId;
    this.store = store;
    this.layout = new FlameLayout([]);
    this.states = new Map();
    this.taken = null;
  }

  /** Nothing is in sight any more. */
  rest(): void {
    this.asked.rest();
    this.sight = null;
  }

  /** This is in sight now: asks for it where it is not here. */
  see(sight: Sight): void {
    this.sight = sight;
    const { said } = this.asked;
    const isHere = said !== null && this.isHere(said.query, sight);
    const answer = this.asked.get(isHere ? said.key : JSON.stringify(sight), around(sight))?.answer;
    if (answer && answer !== this.taken) this.take(answer);
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

  private isHere(asked: Asked, sight: Sight): boolean {
    if (isSame(asked.answers, sight)) return true;
    const isAround =
      asked.from <= sight.from &&
      asked.to >= sight.to &&
      asked.first <= sight.first &&
      asked.first + asked.lanes >= Math.min(sight.first + sight.lanes, this.layout.rows.length);
    const closer = (asked.to - asked.from) / asked.width / ((sight.to - sight.from) / sight.width);
    const isAlike = (asked.adjust ?? false) === (sight.adjusts ?? false);
    return isAlike && isAround && closer < CLOSER && closer > 1 / CLOSER;
  }

  private take(answer: RunFlame): void {
    this.taken = answer;
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

/** What is asked for where this is in sight. */
function around(sight: Sight): Asked {
  const span = sight.to - sight.from;
  const from = Math.max(0, Math.floor(sight.from - MARGIN * span));
  const to = Math.ceil(sight.to + MARGIN * span);
  return {
    from,
    to,
    width: Math.min(MOST_PX, Math.ceil((sight.width * (to - from)) / Math.max(1, span))),
    first: Math.max(0, sight.first - MARGIN_LANES),
    lanes: Math.min(MOST_LANES, sight.lanes + 2 * MARGIN_LANES),
    ...(sight.adjusts ? { adjust: true } : {}),
    answers: sight,
  };
}

function isSame(one: Sight, other: Sight): boolean {
  return (["from", "to", "width", "first", "lanes", "adjusts"] as const).every(
    (name) => one[name] === other[name],
  );
}

interface WholeFrame extends Frame {
  readonly failed: boolean;
}
