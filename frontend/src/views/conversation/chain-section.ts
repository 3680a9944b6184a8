/** A chain of backends as one thing, in the details of its group and of each attempt. */
import { h, icon } from "../../browser/dom";
import { address, runRoute } from "../../browser/router";
import {
  type Attempt,
  attemptWords,
  type Chain,
  chainOf,
  chainSentence,
  explanation,
} from "../../run/fallback-chain";
import * as format from "../../text/format";
import { BackendMark } from "../backend-mark";
import type { SectionBuilder } from "../details/details-section";
import { section } from "../details/span-sections";
import { circuitOf } from "../run/head/circuits";
import { OUTCOME_ICONS } from "../status";

export const chainSection: SectionBuilder = ({ span, session, nowUs }) => {
  const chain = chainOf(session.store, span.span_id);
  if (!chain) return null;
  const circuits = chain.attempts.map((each) => circuitOf(each.span, nowUs));
  const shown = chain.attempts.map((each) => [
    each.id,
    attemptWords(each),
    each.nano,
    each.span.end,
    each.span.model,
  ]);
  return {
    key: "chain",
    value: [span.span_id, shown, circuits],
    build: () => chainBlock(chain, span.span_id, session.runId, circuits),
  };
};

function chainBlock(chain: Chain, spanId: string, runId: string, circuits: readonly string[]): HTMLElement {
  const items = chain.attempts.map((attempt, at) =>
    attemptItem(attempt, attempt.id === spanId, runId, circuits[at] ?? ""),
  );
  const total = chain.attempts.reduce((sum, each) => sum + (each.nano ?? 0), 0);
  const priced = chain.attempts.filter((each) => each.nano !== undefined).length;
  const sum = priced > 1 ? h("p", { class: "details-aside" }, `Together ${format.money(total)}`) : null;
  const block = section(
    "Backends asked, in order",
    h("p", { class: "chain-sentence" }, chainSentence(chain)),
    h("ol", { class: "chain" }, ...items),
    sum,
  );
  block.classList.add("chain-section");
  return block;
}

function attemptItem(attempt: Attempt, isShown: boolean, runId: string, circuit: string): HTMLElement {
  const { span, outcome, nano, unpriced, expected } = attempt;
  const length =
    span.start !== undefined && typeof span.end === "number" ? format.duration(span.end - span.start) : "";
  const asked = outcome !== "passed";
  const cost = nano !== undefined ? format.money(nano) : unpriced ? "unpriced" : "";
  const why = explanation(attempt);
  const model =
    attempt.id &&
    h(
      "a",
      {
        class: "chain-model link",
        href: address(runRoute(runId, attempt.id)),
        "data-nav": "",
        "aria-current": isShown ? "true" : null,
      },
      span.model ?? span.name ?? "attempt",
    );
  return h(
    "li",
    { class: "chain-attempt", "data-outcome": expected && outcome !== "served" ? "passed" : outcome },
    icon(OUTCOME_ICONS[outcome], "glyph"),
    h("span", { class: "chain-who" }, new BackendMark(span).element, model),
    h("span", { class: "chain-figures" }, [asked ? length : "", cost].filter(Boolean).join(" · ")),
    h("span", { class: "chain-outcome" }, attemptWords(attempt)),
    why ? h("span", { class: "chain-why" }, why) : null,
    circuit ? h("span", { class: "chain-why" }, `Now: ${circuit}`) : null,
  );
}
