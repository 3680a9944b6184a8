/** A run in small that is here in parts: the service makes it of the whole. No DOM. */
import type { Api, MinimapQuery } from "../../service/api";
import type { RunMinimap } from "../../service/wire";
import type { RunStore } from "../../store";
import { BIN_CLASSES, type BinnedBar, binnedBars } from "./minimap-bins";
import { OfTheWhole } from "./of-the-whole";

/** What each of `BIN_CLASSES` is called in an answer. */
const LETTERS = "oplfre";
const MOST_STEPS = 8_000;

/** Where a moment stands on the map: 0 … 1. */
export type Share = (at: number) => number;

export interface Small {
  readonly from: number;
  readonly to: number;
  /** Pixels. */
  readonly width: number;
  readonly lanes: number;
  readonly adjusts: boolean;
  /** So many times longer than on the axis time is, where idle times are folded. */
  readonly longer: number;
}

export class WholeMinimap {
  private readonly asked: OfTheWhole<MinimapQuery, RunMinimap>;

  constructor(api: Pick<Api, "minimap">, changed: () => void, nowMs?: () => number) {
    this.asked = new OfTheWhole((run, query) => api.minimap(run, query), changed, nowMs);
  }

  open(runId: string, store: RunStore): void {
    this.asked.open(runId, store);
  }

  rest(): void {
    this.asked.rest();
  }

  /** The bars of what was said last, and on how many lanes; asks where that is of another time. */
  bars(wanted: Small, share: Share): { bars: BinnedBar[]; lanes: number } {
    const { adjusts: adjust, lanes } = wanted;
    const from = Math.max(0, Math.floor(wanted.from));
    const to = Math.max(from + 1, Math.ceil(wanted.to));
    // In powers of two: while a run goes on it would else be another one each second.
    const finer = 2 ** Math.ceil(Math.log2(wanted.longer) - 1e-9);
    const width = Math.max(1, Math.min(MOST_STEPS, Math.ceil(wanted.width * finer)));
    const said = this.asked.get([from, to, width, lanes, adjust].join(), { from, to, width, lanes, adjust });
    if (!said) return { bars: [], lanes: 1 };
    return { bars: barsOf(said.answer, wanted.width, share), lanes: said.answer.lanes.length };
  }
}

interface Alike {
  readonly lane: number;
  /** Steps. */
  readonly from: number;
  readonly to: number;
  readonly letter: string;
}

function barsOf({ from, to, lanes }: RunMinimap, widthPx: number, share: Share): BinnedBar[] {
  const steps = lanes[0]?.length ?? 1;
  const at = (step: number) => share(from + (step / steps) * (to - from));
  return binnedBars(
    lanes.flatMap(alike),
    widthPx,
    lanes.length,
    // A step that begins on a pixel is not to reach into the one before it by a rounding.
    ({ from: first, to: last, letter }) => {
      const of = BIN_CLASSES[LETTERS.indexOf(letter)];
      return of ? { from: at(first + 0.01), to: at(last - 0.01), of } : null;
    },
    ({ lane }) => (lane + 0.5) / lanes.length,
  );
}

/** The letters of a lane, those that are alike side by side together. */
function alike(text: string, lane: number): Alike[] {
  const found: Alike[] = [];
  let from = 0;
  for (let to = 1; to <= text.length; to++) {
    const letter = text[from];
    if (letter === undefined || text[to] === letter) continue;
    if (letter !== " ") found.push({ lane, from, to, letter });
    from = to;
  }
  return found;
}

/** Bars as the service writes them: a text for each lane, a letter for each step of time. */
export function letters(bars: readonly BinnedBar[], width: number, lanes: number): string[] {
  const found = Array.from({ length: lanes }, () => Array.from({ length: width }, () => " "));
  for (const { lane, from, to, of } of bars)
    found[lane]?.fill(LETTERS[BIN_CLASSES.indexOf(of)] ?? " ", from, to);
  return found.map((each) => each.join(""));
}
