/** What a span does, as far as its kind and name tell: for its icon, and in words. Pure. */
import type { SpanState } from "../service/wire";

export type Doing =
  | "agent"
  | "tool"
  | "retrieval"
  | "embedding"
  | "database"
  | "http"
  | "rpc"
  | "queue"
  | "llm"
  | "layer"
  | "phase"
  | "other";

type Named = Pick<SpanState, "kind" | "span_kind" | "name" | "model">;

export const DOING_WORDS: Readonly<Record<Doing, string>> = {
  agent: "agent",
  tool: "tool call",
  retrieval: "retrieval",
  embedding: "embedding",
  database: "database",
  http: "HTTP",
  rpc: "remote call",
  queue: "queue",
  llm: "LLM call",
  layer: "layer",
  phase: "phase",
  other: "",
};

/** Of the sprite in index.html; what has none says enough by its bar. */
export const DOING_ICONS: Readonly<Partial<Record<Doing, string>>> = {
  agent: "agent",
  tool: "tool",
  retrieval: "retrieval",
  embedding: "embedding",
  database: "database",
  http: "http",
  rpc: "http",
  queue: "queue",
  llm: "spark",
};

/** OpenTelemetry's GenAI conventions: the operation stands first in the name. */
const OPERATIONS: readonly (readonly [RegExp, Doing])[] = [
  [/^(?:invoke|create)_agent\b/, "agent"],
  [/^execute_tool\b/, "tool"],
  [/^embeddings?\b/i, "embedding"],
  // Claude Code calls each turn of its agent so.
  [/^claude_code\.interaction$/, "agent"],
];
/** Of an LLM call, by its name or model: "openai.embeddings", "ai.embed.doEmbed", "text-embedding-3-small". */
const EMBEDDING = /embed/i;

const KINDS: Readonly<Record<string, Doing>> = {
  tool: "tool",
  retrieval: "retrieval",
  queue: "queue",
  llm_call: "llm",
  llm_group: "llm",
  layer: "layer",
  phase: "phase",
  subphase: "phase",
};

/** A route or an address follows; alone the word is HTTP's too, where the span crosses to another process. */
const HTTP =
  /^(?:HTTP )?(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|CONNECT|QUERY)(?: (?:\/|https?:|\*|\{)|$)/;
const SQL =
  /^(?:SELECT|INSERT|UPDATE|DELETE|MERGE|UPSERT|REPLACE|CREATE|ALTER|DROP|TRUNCATE|WITH|BEGIN|COMMIT|ROLLBACK|CALL|EXPLAIN)\b/;
/** Commands of Redis and its kin, one or several in a pipeline. */
const COMMAND =
  /^(?:H?M?(?:GET|SET)(?:EX|NX|ALL)?|[LR](?:PUSH|POP|RANGE|LEN)|X(?:ADD|READ|ACK)\w*|Z\w{3,}|S(?:ADD|REM|CAN|MEMBERS)|EVAL(?:SHA)?|EXPIRE|DEL|INCR(?:BY)?|PIPELINE|MULTI|EXEC)\b/;
/** The library is named in front: "pg.query:SELECT shop", "redis-SET", "mongodb.find". */
const DRIVER =
  /^(?:pg|pg-pool|mysql2?|mongodb|mongoose|redis|ioredis|memcached|cassandra-driver|prisma|knex|tedious|dynamodb)[.:-]/i;
const RPC = /^[\w.]+\/\w+$/;

export function doing(span: Named): Doing {
  const name = span.name ?? "";
  for (const [pattern, found] of OPERATIONS) if (pattern.test(name)) return found;
  if (span.kind === "llm_call" && EMBEDDING.test(`${name} ${span.model ?? ""}`)) return "embedding";
  const ours = span.kind && KINDS[span.kind];
  if (ours) return ours;
  if (span.span_kind === "producer" || span.span_kind === "consumer") return "queue";
  if (HTTP.test(name)) return "http";
  if (SQL.test(name)) return "database";
  if (DRIVER.test(name)) return "database";
  // Some drivers write words of SQL and commands as their application did.
  const shouted = span.span_kind === "client" ? name.toUpperCase() : "";
  if (SQL.test(shouted) || COMMAND.test(shouted)) return "database";
  const crosses = span.span_kind === "client" || span.span_kind === "server";
  return crosses && RPC.test(name) ? "rpc" : "other";
}
