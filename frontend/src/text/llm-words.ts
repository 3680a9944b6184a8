/** What a call of a model came to, in words: tokens with their parts, cost with where it comes from, times. Pure. */
import { tokenCounts } from "../run/tail/events";
import type { SpanState } from "../service/wire";
import * as format from "./format";
import { costSource } from "./span-words";

/** How long the model took until its first chunk came, µs; undefined where it is not said. */
export function firstChunkUs({ attributes = {} }: Pick<SpanState, "attributes">): number | undefined {
  const { "gen_ai.response.time_to_first_chunk": seconds } = attributes;
  return typeof seconds === "number" && seconds >= 0 ? seconds * 1_000_000 : undefined;
}

/** "42 tokens/s": of the answer, from its first chunk on where that is known; undefined while it runs. */
export function speedWords(span: SpanState): string | undefined {
  const { start, end, tokens } = span;
  if (start === undefined || typeof end !== "number" || !tokens?.output) return undefined;
  const writing = end - start - (firstChunkUs(span) ?? 0);
  if (writing < 10_000) return undefined;
  const perSecond = (tokens.output * 1_000_000) / writing;
  return `${perSecond < 10 ? perSecond.toFixed(1) : format.count(perSecond)} tokens/s`;
}

/** "12 chunks, ≈ $0.0012 so far": of an answer that is being streamed. */
export function streamWords(span: Pick<SpanState, "status" | "attributes">): string | undefined {
  if (span.status !== "running") return undefined;
  const { "spantail.stream.chunks": chunks, "spantail.cost.estimate_usd": usd } = span.attributes ?? {};
  const nano = typeof usd === "number" ? format.costNano({ cost_usd: usd }) : undefined;
  const parts = [
    typeof chunks === "number" ? format.plural(chunks, "chunk") : "",
    nano === undefined ? "" : `≈ ${format.money(nano)} so far`,
  ].filter(Boolean);
  return parts.join(", ") || undefined;
}

/** All of it, for where there is room for a figure only. */
export function callLines(span: SpanState): [name: string, value: string][] {
  const nano = format.costNano(span);
  const first = firstChunkUs(span);
  const lines: [string, string | undefined][] = [
    ["Model", span.model],
    ["Cost", nano === undefined ? undefined : format.moneyExact(nano)],
    ["Cost source", costSource(span)],
    ["Tokens", tokenCounts(span.tokens)],
    ["Being streamed", streamWords(span)],
    ["First chunk", first === undefined ? undefined : `after ${format.duration(first)}`],
    ["Speed", speedWords(span)],
  ];
  return lines.filter((line): line is [string, string] => line[1] !== undefined);
}
