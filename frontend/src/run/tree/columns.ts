/** Which columns of the tree have anything in them. Pure. */
import type { SpanState } from "../../service/wire";
import { costNano } from "../../text/format";

export interface Columns {
  readonly tokens: boolean;
  readonly cost: boolean;
}

/** A run without LLM calls has neither: names then have the room. */
export function columnsOf(spans: ReadonlyMap<string, SpanState>): Columns {
  let tokens = false;
  let cost = false;
  for (const span of spans.values()) {
    tokens ||= span.tokens !== undefined;
    cost ||= span.kind === "llm_call" || costNano(span) !== undefined || span.account !== undefined;
    if (tokens && cost) break;
  }
  return { tokens, cost };
}
