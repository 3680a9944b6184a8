import { expect, it } from "vitest";
import type { SpanState } from "../../src/service/wire";
import { doing } from "../../src/text/span-kind";

type Kinds = Pick<SpanState, "kind" | "span_kind" | "model">;

it.each<[string, Kinds, string]>([
  ["invoke_agent planner", {}, "agent"],
  ["execute_tool search", {}, "tool"],
  ["search the web", { kind: "tool" }, "tool"],
  ["embeddings text-embedding-3-small", { kind: "llm_call" }, "embedding"],
  ["chat gpt-4o", { kind: "llm_call" }, "llm"],
  ["find documents", { kind: "retrieval" }, "retrieval"],
  ["GET /users/{id}", { span_kind: "server" }, "http"],
  ["POST", { span_kind: "client" }, "http"],
  ["GET https://example.org", {}, "http"],
  ["SELECT users", { span_kind: "client" }, "database"],
  ["DELETE FROM users", { span_kind: "client" }, "database"],
  ["DELETE /users/1", { span_kind: "client" }, "http"],
  ["EVALSHA", { span_kind: "client" }, "database"],
  ["HGETALL", { span_kind: "client" }, "database"],
  ["select", { span_kind: "client" }, "database"],
  ["pg.query:SELECT shop", { span_kind: "client" }, "database"],
  ["redis-SET", { span_kind: "client" }, "database"],
  ["get", { span_kind: "client" }, "database"],
  ["select a winner", {}, "other"],
  ["openai.embeddings", { kind: "llm_call" }, "embedding"],
  ["litellm_request", { kind: "llm_call", model: "text-embedding-3-small" }, "embedding"],
  ["claude_code.interaction", {}, "agent"],
  ["orders publish", { span_kind: "producer" }, "queue"],
  ["wait", { kind: "queue" }, "queue"],
  ["shop.Orders/Place", { span_kind: "client" }, "rpc"],
  ["Get ready", {}, "other"],
  ["selection", {}, "other"],
  ["", {}, "other"],
])("%j is told by name and kind", (name, kinds, expected) => {
  expect(doing({ name, ...kinds })).toBe(expected);
});
