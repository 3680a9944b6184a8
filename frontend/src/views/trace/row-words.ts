/** What the row of a span says beside its name. Pure. */
import type { Chain } from "../../run/fallback-chain";
import { progressText } from "../../run/tail/events";
import { isOpen, reversedBy } from "../../run/time/span-times";
import type { SpanState } from "../../service/wire";
import * as format from "../../text/format";
import { errorType, reasonWords } from "../../text/reasons";
import { lengthWords } from "../../text/span-words";
import { abandonedText } from "../status";

const OPERATION = /^(?:chat|text_completion|generate_content|embeddings) /;

/**
 * The operation word of an LLM call's name, "chat " of "chat gpt-4o": beside a backend's mark the model says
 * enough. Empty where the name is not of that form.
 */
export function impliedWord(span: Pick<SpanState, "kind" | "backend" | "name" | "model">): string {
  if (span.kind !== "llm_call" || !span.backend || !span.model || !span.name) return "";
  const word = OPERATION.exec(span.name)?.[0] ?? "";
  const named = span.name.slice(word.length);
  // The answer may name the model more exactly than the request, and with it the span.
  const follows = named !== "" && (span.model.startsWith(named) || named.startsWith(span.model));
  return follows ? word : "";
}

/** "≈ $0.0012": what a call has cost so far, while its answer is streamed; empty once it has ended. */
export function costEstimate(span: Pick<SpanState, "status" | "attributes">): string {
  const usd = span.status === "running" ? span.attributes?.["spantail.cost.estimate_usd"] : undefined;
  const nano = typeof usd === "number" ? format.costNano({ cost_usd: usd }) : undefined;
  return nano === undefined ? "" : `≈ ${format.money(nano)}`;
}

export interface Note {
  readonly text: string;
  /** What its colour says: bad, warn, alive, gone; null is nothing special. */
  readonly tone: string | null;
}

/**
 * The one thing that is worth a line of its own.
 *
 * @param reason why it was skipped or cancelled, where that is known
 * @param chain the backends that its row shows
 */
export function noteOf(span: SpanState, isCut: boolean, reason = "", chain: Chain | null = null): Note {
  const progress = progressText(span.progress) ?? "";
  if (isCut) return { text: "its parent is below it", tone: "warn" };
  if (span.status === "error")
    return { text: span.error?.message ?? errorType(span.error?.type ?? "failed"), tone: "bad" };
  if (reversedBy(span) > 0) return { text: lengthWords(-reversedBy(span)), tone: "warn" };
  if (span.status === "abandoned") {
    const why = span.abandoned ? `: ${abandonedText(span.abandoned)}` : "";
    return { text: `abandoned${why}`, tone: "gone" };
  }
  if (isOpen(span) && span.kind === "queue") return { text: progress || "waiting", tone: null };
  if (isOpen(span) && progress) return { text: progress, tone: "alive" };
  const left = chain?.attempts.findLast(({ outcome, expected }) => outcome === "failed" && !expected);
  if (left?.reason) return { text: reasonWords(left.reason), tone: null };
  if (span.fallback_reason)
    return {
      text: `after ${span.fallback_from ?? "another"}: ${reasonWords(span.fallback_reason)}`,
      tone: null,
    };
  if (span.status === "skipped" || span.status === "cancelled")
    return { text: [span.status, reasonWords(reason)].filter(Boolean).join(": "), tone: null };
  if (span.model && !span.name?.includes(span.model)) return { text: span.model, tone: null };
  return { text: progress, tone: null };
}
