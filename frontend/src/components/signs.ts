/** What says at a glance how something stands: statuses, marks of backends, badges, bars. */
import { h, icon } from "../browser/dom";
import type { Attempt, Outcome } from "../run/fallback-chain";
import { BackendMark, type Served } from "../views/backend-mark";
import { LAYER_ICONS, RUN_ICONS, STATUS_ICONS } from "../views/status";
import { ChainMark } from "../views/trace/chain-mark";
import type { Sample } from "./sample";

const SERVED: readonly Served[] = [
  { backend: "claude_cli" },
  { backend: "langchain", fallback_from: "claude_cli", fallback_reason: "rate_limited" },
  ...["openai", "anthropic", "openrouter", "google", "mistral", "bedrock", "azure", "ollama"].map(
    (backend) => ({ backend }),
  ),
  { backend: "a_backend_with_a_name_that_is_far_too_long_for_its_place" },
];
/** Backend, how it ended with it, and why. */
const CHAINS: readonly (readonly [string, Outcome, string?])[][] = [
  [
    ["claude_cli", "passed", "not_installed"],
    ["langchain", "served"],
  ],
  [
    ["claude_cli", "failed", "rate_limited"],
    ["langchain", "running"],
  ],
  [
    ["claude_cli", "failed", "rate_limited"],
    ["claude_cli", "failed", "rate_limited"],
    ["langchain", "failed", "overloaded"],
    ["openrouter", "served"],
  ],
  [
    ["claude_cli", "failed", "timeout"],
    ["langchain", "failed", "auth"],
  ],
  [
    ["a", "passed", "budget"],
    ["b", "failed", "timeout"],
    ["c", "failed", "timeout"],
    ["d", "cancelled"],
    ["e", "served"],
  ],
];
const PHASES = ["live", "connecting", "reconnecting", "idle"];

function row(...children: (Node | string)[]): HTMLElement {
  return h("div", { class: "components-row" }, ...children);
}

function chainOf(steps: (typeof CHAINS)[number]): HTMLElement {
  const attempts = steps.map(([backend, outcome, reason = ""], at): Attempt => {
    const expected = outcome === "passed";
    const span = { span_id: `${at}`, backend };
    return { id: `${at}`, span, outcome, reason, expected, nano: undefined, unpriced: false };
  });
  const mark = new ChainMark();
  mark.update({ groupId: null, attempts, served: undefined });
  return mark.element;
}

function budget(
  spent: string,
  reserved: string,
  state: "data-full" | "data-over" | null = null,
): HTMLElement {
  const bar = h(
    "div",
    { class: "budget-bar", "data-limit": "" },
    h("i", { class: "budget-spent components-bar", "data-share": spent }),
    h("i", { class: "budget-reserved components-bar", "data-share": reserved }),
  );
  return h(
    "table",
    { class: "board-table" },
    h("tbody", {}, h("tr", state ? { [state]: "" } : {}, h("td", {}, bar))),
  );
}

export const signs: readonly Sample[] = [
  [
    "Run",
    () => [
      row(
        ...Object.entries(RUN_ICONS).map(([status, name]) =>
          h("span", { class: "status-badge", "data-status": status }, icon(name, "glyph"), status),
        ),
      ),
    ],
  ],
  [
    "Span",
    () => [
      row(
        ...Object.entries(STATUS_ICONS).map(([status, name]) =>
          h("span", { class: "components-status", "data-status": status }, icon(name, "glyph"), status),
        ),
      ),
    ],
  ],
  [
    "Layer strip",
    () => [
      h(
        "ol",
        { class: "layer-strip" },
        ...Object.entries(LAYER_ICONS).map(([status, name]) =>
          h("li", { class: "layer", "data-status": status }, icon(name, "glyph"), h("span", {}, status)),
        ),
      ),
    ],
  ],
  ["Backend", () => [row(...SERVED.map((served) => new BackendMark(served).element))]],
  ["Chain of backends", () => CHAINS.map((steps) => row(chainOf(steps)))],
  [
    "Badges and connection",
    () => [
      row(
        h("span", { class: "badge-demo" }, "demo data"),
        h("span", { class: "compare-letter" }, "A"),
        ...PHASES.map((phase) =>
          h("span", { class: "connection", "data-phase": phase }, h("i", { class: "connection-dot" }), phase),
        ),
      ),
    ],
  ],
  [
    "Budget: spent and reserved, used up, over",
    () => [budget("40", "20"), budget("100", "0", "data-full"), budget("100", "0", "data-over")],
  ],
];
