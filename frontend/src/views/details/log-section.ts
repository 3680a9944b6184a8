/** The newest log lines of the span that are on the page. */

import { h } from "../../browser/dom";
import type { TailEvent } from "../../service/wire";
import type { RunStore } from "../../store";
import { timesShown } from "../../text/when";
import type { SectionBuilder } from "./details-section";
import { logBlock } from "./span-sections";

const MAX_LINES = 200;
const OLDER = "Of the newest events of the run. The livetail finds older ones by this span's id.";

/** Of the span that was asked for last: the whole tail is looked through, at most once per change of it. */
const last: { store?: RunStore; version: number; spanId: string; lines: TailEvent[] } = {
  version: -1,
  spanId: "",
  lines: [],
};

function linesOf(store: RunStore, spanId: string): readonly TailEvent[] {
  if (last.store !== store || last.version !== store.tailVersion || last.spanId !== spanId) {
    const found = store.tail.filter((event) => event.event === "log" && event.span_id === spanId);
    Object.assign(last, { store, version: store.tailVersion, spanId, lines: found.slice(-MAX_LINES) });
  }
  return last.lines;
}

export const logSection: SectionBuilder = ({ span, session }) => {
  const lines = linesOf(session.store, span.span_id);
  if (lines.length === 0) return null;
  const older = session.older > 0;
  return {
    key: "logs",
    value: [older, timesShown(), lines.map((line) => line.seq)],
    build: () => {
      const block = logBlock(lines, span);
      if (older) block.append(h("p", { class: "details-aside" }, OLDER));
      return block;
    },
  };
};
