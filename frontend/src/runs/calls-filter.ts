/** Runs by what became of their calls of a backend or a model: in words, and as a search that finds these calls. Pure. */
import { UNNAMED_BACKEND } from "../text/format";

export const CALLS = ["failed", "fell_back"] as const;

export interface CallsFilter {
  readonly backend: string;
  readonly model: string;
  /** Empty for any call. */
  readonly calls: (typeof CALLS)[number] | "";
}

export const EVERY_CALL: CallsFilter = { backend: "", model: "", calls: "" };

export function isEveryCall({ backend, model, calls }: CallsFilter): boolean {
  return !backend && !model && !calls;
}

/** What finds these calls in a run of the list; empty where the run as a whole is meant. */
export function callsSearch({ backend, model, calls }: CallsFilter): string {
  if (!calls) return "";
  const fell = calls === "fell_back";
  const named = [
    term(fell ? "fallback_from" : "backend", backend === UNNAMED_BACKEND ? "" : backend),
    term("model", fell ? "" : model),
  ].filter(Boolean);
  const which = fell ? ["is:fallback"] : named.length > 0 ? ["is:error"] : ["is:error", "is:llm"];
  return [...which, ...named].join(" ");
}

/** A value in quotes may have blanks, but no quotes. */
function term(key: string, value: string): string {
  return value && !value.includes('"') ? `${key}:"${value}"` : "";
}
