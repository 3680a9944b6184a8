import { describe, expect, it } from "vitest";
import { messagesOf } from "../../../src/run/conversation/messages";
import type { Conversation } from "../../../src/run/conversation/model";
import { conversationOf } from "../../../src/run/conversation/sources";
import {
  attemptWords,
  chainLine,
  chainOf,
  chainSentence,
  explanation,
} from "../../../src/run/fallback-chain";
import { transcriptItems } from "../../../src/run/transcript/items";
import type { SpanState } from "../../../src/service/wire";
import { RunStore } from "../../../src/store";
import { callOf, newMessages, spokenMessages, toldBy } from "../../../src/views/transcript/turn-content";

function run(...spans: (Partial<SpanState> & { span_id: string })[]): RunStore {
  const store = new RunStore();
  const whole = spans.map((span, at) => ({
    status: "ok" as const,
    kind: "span",
    start: at,
    end: at + 1,
    name: span.span_id,
    ...span,
  }));
  store.load({ run: { run_id: "r", status: "completed" }, spans: whole, next_index: 0, epoch: null });
  return store;
}

function story(store: RunStore, folded: string[] = []): string[] {
  return transcriptItems(store, new Set(folded)).map(
    ({ kind, id, level, before }) => `${"  ".repeat(level)}${kind} ${id}${before ? ` after ${before}` : ""}`,
  );
}

const AGENT = [
  { span_id: "root", kind: "operation" },
  { span_id: "http", parent_id: "root" },
  { span_id: "planner", parent_id: "http", name: "invoke_agent planner" },
  { span_id: "one", parent_id: "planner", kind: "llm_call" },
  { span_id: "weather", parent_id: "planner", kind: "tool", name: "execute_tool weather" },
  { span_id: "research", parent_id: "planner", kind: "tool", name: "execute_tool research" },
  { span_id: "helper", parent_id: "research", name: "invoke_agent helper" },
  { span_id: "inner", parent_id: "helper", kind: "llm_call" },
  { span_id: "two", parent_id: "planner", kind: "llm_call" },
  { span_id: "retried", parent_id: "two", kind: "llm_call" },
  { span_id: "broken", parent_id: "root", status: "error" as const },
];

describe("the story of a run", () => {
  it("has steps, calls, tools and subagents, and leaves out what is only around them", () => {
    expect(story(run(...AGENT))).toEqual([
      "step root",
      "agent planner",
      "  turn one",
      "  tool weather",
      "  agent research",
      "    turn inner",
      "  turn retried after one",
      "error broken",
    ]);
  });

  it("folds a subagent, and knows which tools a call has run", () => {
    const store = run(...AGENT);
    expect(story(store, ["research"])).not.toContain("    turn inner");
    const one = transcriptItems(store, new Set()).find((item) => item.id === "one");
    expect(one?.tools).toEqual(["weather", "research"]);
  });

  it("knows the span around a subagent by which it can be told from others of its name", () => {
    const around = transcriptItems(run(...AGENT), new Set()).map(({ id, inside }) => [id, inside]);
    expect(around.filter(([, inside]) => inside)).toEqual([["planner", "http"]]);
  });

  it("gives a heading to a root of any kind, if there is something to tell", () => {
    expect(story(run({ span_id: "GET" }, { span_id: "call", parent_id: "GET", kind: "llm_call" }))).toEqual([
      "step GET",
      "turn call",
    ]);
    expect(story(run({ span_id: "GET" }, { span_id: "SELECT", parent_id: "GET" }))).toEqual([]);
  });

  it("puts what stands below a span that has not arrived at the top, and gives that span no heading", () => {
    const store = run(
      { span_id: "GET", parent_id: "elsewhere" },
      { span_id: "call", parent_id: "GET", kind: "llm_call" },
    );
    expect(story(store)).toEqual(["step GET", "turn call"]);
  });

  it("knows the call of another library around a call, and the first call within a step", () => {
    const store = run(
      { span_id: "root", kind: "operation" },
      { span_id: "outer", parent_id: "root", kind: "llm_call" },
      { span_id: "inner", parent_id: "outer", kind: "llm_call" },
      { span_id: "second", parent_id: "root", kind: "llm_call" },
    );
    const items = transcriptItems(store, new Set());
    expect(items.map(({ id, around, within }) => [id, around, within])).toEqual([
      ["root", null, "outer"],
      ["inner", "outer", null],
      ["second", null, null],
    ]);
  });

  it("holds 5,000 levels and 20,000 calls", () => {
    const deep = Array.from({ length: 5_000 }, (_, at) => ({
      span_id: `d${at}`,
      ...(at > 0 ? { parent_id: `d${at - 1}` } : {}),
    }));
    expect(story(run(...deep, { span_id: "call", parent_id: "d4999", kind: "llm_call" }))).toEqual([
      "step d0",
      "turn call",
    ]);
    const wide = Array.from({ length: 20_000 }, (_, at) => ({
      span_id: `c${at}`,
      parent_id: "root",
      kind: "llm_call",
    }));
    expect(story(run({ span_id: "root", kind: "operation" }, ...wide))).toHaveLength(20_001);
  });
});

describe("what a call says that is new", () => {
  const said = (value: unknown, role: "user" | "assistant"): Conversation["asked"] =>
    messagesOf(value as never, role);
  const first: Conversation = {
    asked: said([{ role: "user", content: "Tea?" }], "user"),
    answered: said(
      [
        {
          role: "assistant",
          tool_calls: [
            { id: "a", name: "price", args: {} },
            { id: "b", name: "stock", args: {} },
          ],
        },
      ],
      "assistant",
    ),
    tools: [],
  };
  const second: Conversation = {
    asked: [
      ...first.asked,
      ...first.answered,
      ...said(
        [
          { role: "tool", tool_call_id: "a", content: "12" },
          { role: "tool", tool_call_id: "b", content: "3" },
        ],
        "user",
      ),
    ],
    answered: said("Three, for 12.", "assistant"),
    tools: [],
  };
  const none = new Set<string>();
  const kinds = (messages: Conversation["asked"]) =>
    messages.flatMap((one) =>
      one.parts.map((part) =>
        part.kind === "text" ? part.text : `${part.kind} ${"id" in part ? part.id : ""}`,
      ),
    );

  it("leaves out what was said before, and what tools tell themselves", () => {
    expect(kinds(newMessages(second, first, { before: none, now: none }))).toEqual([
      "result a",
      "result b",
      "Three, for 12.",
    ]);
    expect(kinds(newMessages(second, first, { before: new Set(["price"]), now: none }))).toEqual([
      "result b",
      "Three, for 12.",
    ]);
    expect(kinds(newMessages(first, null, { before: none, now: new Set(["price", "stock"]) }))).toEqual([
      "Tea?",
    ]);
    expect(callOf(first, { name: "stock", place: 0 })?.id).toBe("b");
    expect(callOf(first, { name: "stock", place: 1 })).toBeUndefined();
    // The Vercel AI SDK calls each of its tools' spans "ai.toolCall": the call's id says which one it is.
    expect(callOf(first, { name: "ai.toolCall", id: "b", place: 0 })?.name).toBe("stock");
    expect(kinds(newMessages(second, first, { before: new Set(["a"]), now: none }))).toEqual([
      "result b",
      "Three, for 12.",
    ]);
  });

  it("takes of a span around the calls what was said in words", () => {
    expect(kinds(spokenMessages(second))).toEqual(["Tea?", "Three, for 12."]);
    expect(spokenMessages(null)).toEqual([]);
  });

  it("tells a search by its query and what it found", () => {
    const found = conversationOf({
      span_id: "1",
      kind: "retrieval",
      name: "Shelf",
      attributes: { "input.value": "Which book?", "output.value": '[{"page_content":"On tea."}]' },
    });
    const { call, result } = toldBy({ span_id: "1", kind: "retrieval", name: "Shelf" }, found);
    expect([call?.name, call?.arguments, result?.value]).toEqual([
      "Shelf",
      { query: "Which book?" },
      ["On tea."],
    ]);
  });
});

describe("a chain of backends", () => {
  const ATTEMPTS = [
    {
      span_id: "cli",
      parent_id: "group",
      kind: "llm_call",
      backend: "claude_cli",
      status: "skipped" as const,
      attempt: 1,
    },
    {
      span_id: "lc",
      parent_id: "group",
      kind: "llm_call",
      backend: "langchain",
      status: "error" as const,
      attempt: 2,
      fallback_from: "claude_cli",
      fallback_reason: "not_installed",
      error: { message: "429" },
    },
    {
      span_id: "or",
      parent_id: "group",
      kind: "llm_call",
      backend: "openrouter",
      attempt: 3,
      fallback_from: "langchain",
      fallback_reason: "rate_limited",
      cost_nano: 54_000,
    },
  ];

  it("is one thing, from its group and from each attempt", () => {
    const store = run({ span_id: "group", kind: "llm_group" }, ...ATTEMPTS);
    for (const id of ["group", "cli", "lc", "or"]) {
      const chain = chainOf(store, id);
      expect(chain?.attempts.map(attemptWords)).toEqual([
        "skipped: not installed",
        "failed: rate limited",
        "served",
      ]);
      expect(chain?.served?.nano).toBe(54_000);
    }
    const chain = chainOf(store, "group");
    expect(chain && chainLine(chain)).toBe("claude_cli → langchain → openrouter");
    expect(chain && chainSentence(chain)).toBe(
      "Served by openrouter after langchain failed; claude_cli was skipped, as expected.",
    );
    expect(chain?.attempts.map((each) => explanation(each) !== undefined)).toEqual([true, false, false]);
    expect(story(store)).toEqual(["chain group"]);
    expect(transcriptItems(store, new Set())[0]?.speaker).toBe("or");
  });

  it("is found without a group, by whom each attempt took over from", () => {
    const alone = ATTEMPTS.map((each) => ({ ...each, parent_id: "root" }));
    const other = { span_id: "other", parent_id: "root", kind: "llm_call", backend: "langchain" };
    const store = run({ span_id: "root" }, ...alone, other);
    expect(chainOf(store, "lc")?.attempts.map((each) => each.id)).toEqual(["cli", "lc", "or"]);
    expect(chainOf(store, "other")).toBeNull();
    expect(chainOf(store, "root")).toBeNull();
  });
});
