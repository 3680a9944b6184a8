/** Where a figure above the run leads: each count to what it counts. Pure. */
import type { Field } from "./run-fields";

export interface LeadingField extends Field {
  /** `find:` and a search, `jump:` and a kind of jump, `root`, or `tail`; empty where it leads nowhere. */
  readonly go: string;
  /** It leads nowhere: there is nothing to press. */
  readonly fixed: boolean;
  /** The button's name: its text is the figure alone. */
  readonly label: string;
}

/** By the field's name in the plural. */
const GOALS: Readonly<Record<string, string>> = {
  cost: "jump:dearest",
  spans: "root",
  running: "find:is:running",
  errors: "find:is:error",
  "LLM calls": "find:is:llm",
  unpriced: "find:is:unpriced",
  fallbacks: "find:is:fallback",
  skipped: "find:is:skipped kind:llm_call",
  abandoned: "find:is:abandoned",
};
const PLURALS: Readonly<Record<string, string>> = {
  span: "spans",
  error: "errors",
  "LLM call": "LLM calls",
  fallback: "fallbacks",
};

export function withGoal(field: Field): LeadingField {
  const named = GOALS[PLURALS[field.name] ?? field.name] ?? "";
  const go = field.value === "unpriced" ? "find:is:unpriced" : isNone(field) ? "" : named;
  const label = `${field.value} ${field.name}`;
  return { ...field, go, fixed: go === "", label };
}

/** "0", or a cost of nothing. */
function isNone({ value }: Field): boolean {
  return !/[1-9]/.test(value);
}
