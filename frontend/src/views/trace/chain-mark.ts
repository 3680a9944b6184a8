/** The chain of a call in its row, as one object: who was left and why, an arrow, who serves it. */
import { h, icon, setAttr } from "../../browser/dom";
import { type Attempt, attemptWords, type Chain, isFallback } from "../../run/fallback-chain";
import { BackendMark } from "../backend-mark";
import { OUTCOME_ICONS } from "../status";

/** Of a longer chain the first ones and the last one are shown, and how many stand between. */
const MOST_LEFT = 3;

export class ChainMark {
  readonly element = h("span", { class: "row-chain" });
  private drawn = "";

  /** Cheap where nothing has changed: rows are used again for other spans, whose chains are alike as a rule. */
  update(chain: Chain | null): void {
    this.element.hidden = chain === null;
    if (chain === null) return;
    const steps = joined(chain.attempts);
    const last = steps.pop();
    const key = JSON.stringify([steps, last]);
    if (key === this.drawn || last === undefined) return;
    this.drawn = key;
    const real = isFallback(chain);
    setAttr(this.element, "data-real", real ? "" : null);
    const surplus = steps.length - MOST_LEFT;
    const shown = surplus > 0 ? steps.slice(0, MOST_LEFT - 1) : steps;
    const parts = shown.flatMap((step) => [leftStep(step), arrow()]);
    if (surplus > 0) {
      const rest = steps.slice(MOST_LEFT - 1);
      const words = rest.map(stepWords);
      const said = h("span", { class: "sr-only" }, `: ${words.join(", ")}, then `);
      const title = words.join("\n");
      parts.push(h("span", { class: "chain-more", title }, `${rest.length} more`, said), arrow());
    }
    this.element.replaceChildren(...parts, lastStep(last, steps.at(-1), real));
  }
}

interface Step {
  readonly backend: string;
  readonly outcome: Attempt["outcome"];
  readonly expected: boolean;
  readonly words: string;
  readonly reason: string;
  /** Attempts at this backend, one after the other, with the same outcome. */
  times: number;
}

function joined(attempts: readonly Attempt[]): Step[] {
  const steps: Step[] = [];
  for (const attempt of attempts) {
    const { span, outcome, expected, reason } = attempt;
    const before = steps.at(-1);
    const backend = span.backend ?? "?";
    if (before?.backend === backend && before.outcome === outcome && outcome !== "running") before.times++;
    else steps.push({ backend, outcome, expected, reason, words: attemptWords(attempt), times: 1 });
  }
  return steps;
}

function stepWords({ backend, words, times }: Step): string {
  return `${backend}${times > 1 ? ` ×${times}` : ""} ${words}`;
}

function leftStep(step: Step): HTMLElement {
  const { backend, times, words } = step;
  const outcome = step.expected ? "passed" : step.outcome;
  return h(
    "span",
    {
      class: "chain-left",
      "data-outcome": outcome,
      title: stepWords(step),
    },
    icon(OUTCOME_ICONS[outcome], "mark-icon"),
    h("s", {}, backend),
    times > 1 && h("span", {}, `×${times}`),
    h("span", { class: "sr-only" }, ` ${words}, then `),
  );
}

function arrow(): HTMLElement {
  return h("span", { class: "chain-arrow", "aria-hidden": "true" }, "→");
}

function lastStep(step: Step, before: Step | undefined, real: boolean): HTMLElement {
  const { backend, outcome, words } = step;
  if (outcome !== "served" && outcome !== "running") return leftStep(step);
  const from = before && { fallback_from: before.backend, fallback_reason: before.reason };
  const mark = new BackendMark(real ? { backend, ...from } : { backend }).element;
  if (before) setAttr(mark, "title", `${backend} ${words}, after ${stepWords(before)}`);
  mark.append(h("span", { class: "sr-only" }, ` ${words}`));
  return mark;
}
