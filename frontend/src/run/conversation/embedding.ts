/** What became vectors, and how many there are: their numbers say nothing to a reader. Pure. */
import type { Attributes, AttributeValue, SpanState } from "../../service/wire";
import { doing } from "../../text/span-kind";
import { message, messagesOf } from "./messages";
import { type Conversation, isFields, type Message, type VectorPart } from "./model";
import { ANSWERED, ASKED, first, IN, OUT, pick } from "./names";
import { opened, unquoted } from "./parts";

const VECTORS = ["ai.embedding", "ai.embeddings", ...ANSWERED, ...OUT];

export function isEmbedding(span: SpanState): boolean {
  return span.attributes?.["gen_ai.operation.name"] === "embeddings" || doing(span) === "embedding";
}

export function embeddingConversation(attributes: Attributes): Conversation | null {
  const given = [...first(attributes, ASKED, "input"), ...flatTexts(attributes)];
  const asked = (given.length > 0 ? given : texts(pick(attributes, IN))).map((one) => ({
    ...one,
    role: "input" as const,
  }));
  const vectors = vectorsOf(attributes);
  const answered = vectors
    ? [message("output", [vectors])]
    : first(attributes, [...ANSWERED, ...OUT], "output");
  return asked.length + answered.length > 0 ? { asked, answered, tools: [] } : null;
}

/** The Vercel AI SDK writes each text as JSON, with its quotes. */
function texts(value: AttributeValue | undefined): Message[] {
  const seen = opened(value ?? null);
  return messagesOf(Array.isArray(seen) ? seen.map(unquoted) : value, "input");
}

/** OpenInference: `embedding.embeddings.0.embedding.text`. */
function flatTexts(attributes: Attributes): Message[] {
  return Object.entries(attributes)
    .filter(([key]) => /^embedding\.embeddings\.\d+\.embedding\.text$/.test(key))
    .flatMap(([, value]) => messagesOf(value, "input"));
}

function vectorsOf(attributes: Attributes): VectorPart | null {
  const value = opened(pick(attributes, VECTORS) ?? null);
  const list = isFields(value) ? opened(value.data ?? value.embeddings ?? null) : value;
  const { "gen_ai.embeddings.dimension.count": stated } = attributes;
  if (!Array.isArray(list) || list.length === 0) {
    return typeof stated === "number" ? { kind: "vectors", count: 1, length: stated } : null;
  }
  if (list.every((each) => typeof each === "number"))
    return { kind: "vectors", count: 1, length: list.length };
  const lengths = list.map(lengthOf);
  if (lengths.some((each) => each === null)) return null;
  return {
    kind: "vectors",
    count: list.length,
    length: typeof stated === "number" ? stated : (lengths[0] as number),
  };
}

/** How many numbers a vector has; null where it is none. Base64 has four bytes for each number. */
function lengthOf(value: AttributeValue): number | null {
  const seen = opened(value);
  if (Array.isArray(seen)) return seen.every((each) => typeof each === "number") ? seen.length : null;
  if (!isFields(seen)) return null;
  const { embedding } = seen;
  if (typeof embedding === "string" && /^[A-Za-z0-9+/]+=*$/.test(embedding)) {
    return Math.floor((embedding.replace(/=+$/, "").length * 3) / 4 / 4);
  }
  return embedding === undefined ? null : lengthOf(embedding);
}
