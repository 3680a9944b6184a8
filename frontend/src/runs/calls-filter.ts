/** Runs by their calls of a backend or a model, as a figure counts them, and the search that finds these calls. Pure. */
import { UNNAMED_BACKEND } from "../text/format";

export const CALLS = ["failed", "fell_back"] as const;

export interface CallsFilter {
  readonly backend: string;
  readonly model: string;
  /** Empty for any call. */
  readonly calls: (typeof CALLS)[number] | "";
  /** On demo data, or not on it. */
  readonly demo: "true" | "false" | "";
}

export const EVERY_CALL: CallsFilter = { backend: "", model: "", calls: "", demo: "" };

export function isEveryCall({ backend, model, calls, demo }: CallsFilter): boolean {
  return !backend && !model && !calls && !demo;
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
