/** What is below the pointer of a flame graph, in words. */
import { h } from "../../browser/dom";
import type { Frame } from "../../run/time/flame";
import type { SpanState } from "../../service/wire";
import { duration } from "../../text/format";
import { errorType } from "../../text/reasons";
import { rowName } from "../../text/span-target";
import { lengthWords } from "../../text/span-words";
import type { TimePanel } from "../time/time-panel";
import { manyWords } from "./flame-canvas";

export class FlameHint {
  readonly element = h("div", { class: "flame-hint", "aria-hidden": "true", hidden: true });

  hide(): void {
    this.element.hidden = true;
  }

  /** Beside the pointer, within `box`. */
  show(lines: readonly string[], x: number, y: number, box: DOMRect): void {
    const { element } = this;
    element.hidden = false;
    element.replaceChildren(...lines.map((line) => h("div", {}, line)));
    const { offsetWidth, offsetHeight } = element;
    element.style.left = `${Math.max(4, Math.min(x - box.left + 12, box.width - offsetWidth - 4))}px`;
    const below = y - box.top + 16;
    element.style.top = `${below + offsetHeight > box.height ? y - box.top - offsetHeight - 8 : below}px`;
  }
}

/** A single span in words. */
export function spanLines(span: SpanState, panel: TimePanel, nowUs: number): string[] {
  const { time } = panel;
  const self = panel.selfTimeUs(span.span_id);
  const length = lengthWords(time.endOf(span, nowUs) - time.startOf(span));
  const error = span.error?.message ?? errorType(span.error?.type ?? "");
  return [
    rowName(span),
    [length, self === undefined ? "" : `self time ${duration(self)}`].filter(Boolean).join(" · "),
    [span.status ?? "running", span.backend, span.model].filter(Boolean).join(" · "),
    error ? error.slice(0, 200) : "",
  ].filter(Boolean);
}

/** Several spans that are too narrow to be told apart. */
export function manyLines({ merged, start, end }: Frame, nowUs: number): string[] {
  if (!merged) return [];
  const length = lengthWords(Math.min(end, nowUs) - start);
  return [manyWords(merged), `within ${length}, each too short to be seen here`, "Click to look closer"];
}
