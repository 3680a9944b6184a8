import { describe, expect, it } from "vitest";
import { repeated, results } from "../../../src/run/conversation/history";
import { messagesOf } from "../../../src/run/conversation/messages";
import type { Conversation, Message, Part } from "../../../src/run/conversation/model";
import { conversationOf } from "../../../src/run/conversation/sources";
import type { Attributes, SpanEvent, SpanState, TailEvent } from "../../../src/service/wire";

/** "user: What is tea?", one line a message; parts are joined by " | ". */
function told(one: Message): string {
  const name = one.name ? ` ${one.name}` : "";
  return `${one.role}${name}: ${one.parts.map(toldPart).join(" | ")}`;
}

function toldPart(part: Part): string {
  switch (part.kind) {
    case "text":
      return part.text;
    case "reasoning":
      return `(${part.text})`;
    case "call":
      return `${part.name}#${part.id}${JSON.stringify(part.arguments)}`;
    case "result":
      return `${part.failed ? "failed " : ""}${part.name}#${part.id} = ${JSON.stringify(part.value)}`;
    case "media":
      return `[${part.what} ${part.mime} ${part.address || part.bytes}]`;
    case "document":
      return `<${part.title} ${part.score ?? ""}> ${part.text} ${JSON.stringify(part.details)}`;
    case "vectors":
      return `${part.count} of ${part.length}`;
    case "data":
      return JSON.stringify(part.value);
  }
}

function lines(conversation: Conversation | null): string[] {
  return [...(conversation?.asked ?? []), ...(conversation?.answered ?? [])].map(told);
}

function call(attributes: Attributes, kind = "llm_call", events: SpanEvent[] = []): SpanState {
  return { span_id: "1", kind, name: "call", attributes, span_events: events };
}

const WEATHER = [
  "user: How is the weather in Bern?",
  'assistant: weather#call-1{"city":"Bern"}',
  'tool: weather#call-1 = "Sunny."',
  "assistant: It is sunny.",
];

describe("a call of a tool, as each tells it", () => {
  const asked = "How is the weather in Bern?";
  const forms: [string, Attributes][] = [
    [
      "GenAI conventions 1.37",
      {
        "gen_ai.input.messages": JSON.stringify([
          { role: "user", parts: [{ type: "text", content: asked }] },
          {
            role: "assistant",
            parts: [{ type: "tool_call", id: "call-1", name: "weather", arguments: { city: "Bern" } }],
          },
          {
            role: "tool",
            parts: [{ type: "tool_call_response", id: "call-1", name: "weather", response: "Sunny." }],
          },
        ]),
        "gen_ai.output.messages": JSON.stringify([
          { role: "assistant", parts: [{ type: "text", content: "It is sunny." }], finish_reason: "stop" },
        ]),
      },
    ],
    [
      "OpenAI's API",
      {
        "gen_ai.input.messages": JSON.stringify({
          model: "gpt-4o-mini",
          messages: [
            { role: "user", content: [{ type: "text", text: asked }] },
            {
              role: "assistant",
              content: null,
              tool_calls: [
                {
                  id: "call-1",
                  type: "function",
                  function: { name: "weather", arguments: '{"city": "Bern"}' },
                },
              ],
            },
            { role: "tool", tool_call_id: "call-1", name: "weather", content: "Sunny." },
          ],
        }),
        "gen_ai.output.messages": JSON.stringify({
          choices: [
            {
              finish_reason: "stop",
              message: { role: "assistant", content: "It is sunny.", tool_calls: null },
            },
          ],
        }),
      },
    ],
    [
      "OpenInference, joined by the service",
      {
        "gen_ai.input.messages": JSON.stringify([
          {
            role: "user",
            "contents.0.message_content.type": "text",
            "contents.0.message_content.text": asked,
          },
          {
            role: "assistant",
            "tool_calls.0.tool_call.id": "call-1",
            "tool_calls.0.tool_call.function.name": "weather",
            "tool_calls.0.tool_call.function.arguments": '{"city":"Bern"}',
          },
          { role: "tool", content: "Sunny.", tool_call_id: "call-1", name: "weather" },
        ]),
        "gen_ai.output.messages": '[{"role":"assistant","content":"It is sunny."}]',
      },
    ],
    [
      "OpenLLMetry before 0.50, of a span that is no call",
      {
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": asked,
        "gen_ai.prompt.1.role": "assistant",
        "gen_ai.prompt.1.tool_calls.0.id": "call-1",
        "gen_ai.prompt.1.tool_calls.0.name": "weather",
        "gen_ai.prompt.1.tool_calls.0.arguments": '{"city":"Bern"}',
        "gen_ai.prompt.2.role": "tool",
        "gen_ai.prompt.2.name": "weather",
        "gen_ai.prompt.2.tool_call_id": "call-1",
        "gen_ai.prompt.2.content": "Sunny.",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "It is sunny.",
      },
    ],
    [
      "Vercel AI SDK 6",
      {
        "gen_ai.input.messages": JSON.stringify([
          { role: "user", content: [{ type: "text", text: asked }] },
          {
            role: "assistant",
            content: [
              { type: "tool-call", toolCallId: "call-1", toolName: "weather", input: { city: "Bern" } },
            ],
          },
          {
            role: "tool",
            content: [
              {
                type: "tool-result",
                toolCallId: "call-1",
                toolName: "weather",
                output: { type: "text", value: "Sunny." },
              },
            ],
          },
        ]),
        "gen_ai.output.messages": "It is sunny.",
      },
    ],
    [
      "LangChain, serialised",
      {
        "input.value": JSON.stringify({
          messages: [
            [
              {
                lc: 1,
                type: "constructor",
                id: ["langchain", "HumanMessage"],
                kwargs: { content: asked, type: "human" },
              },
              {
                lc: 1,
                type: "constructor",
                id: ["langchain", "AIMessage"],
                kwargs: {
                  content: "",
                  tool_calls: [{ id: "call-1", name: "weather", args: { city: "Bern" } }],
                },
              },
              {
                lc: 1,
                type: "constructor",
                id: ["langchain", "ToolMessage"],
                kwargs: { content: "Sunny.", tool_call_id: "call-1", name: "weather" },
              },
            ],
          ],
        }),
        "output.value": JSON.stringify({
          generations: [
            [{ text: "It is sunny.", message: { kwargs: { content: "It is sunny." }, id: ["AIMessage"] } }],
          ],
        }),
      },
    ],
  ];
  it.each(forms)("%s", (name, attributes) => {
    const kind = name.endsWith("no call") ? "span" : "llm_call";
    expect(lines(conversationOf(call(attributes, kind)))).toEqual(WEATHER);
  });

  it("Anthropic's API", () => {
    const attributes = {
      "gen_ai.system_instructions": '[{"type":"text","content":"Be brief."}]',
      "gen_ai.input.messages": JSON.stringify([
        { role: "user", content: asked },
        {
          role: "assistant",
          content: [{ type: "tool_use", id: "call-1", name: "weather", input: { city: "Bern" } }],
        },
        {
          role: "user",
          content: [
            {
              type: "tool_result",
              tool_use_id: "call-1",
              content: [{ type: "text", text: "No such city." }],
              is_error: true,
            },
            { type: "text", text: "Go on." },
          ],
        },
      ]),
      "gen_ai.output.messages": JSON.stringify({
        role: "assistant",
        content: [
          { type: "thinking", thinking: "Hm." },
          { type: "text", text: "I cannot know." },
        ],
        stop_reason: "end_turn",
      }),
    };
    const conversation = conversationOf(call(attributes));
    expect(lines(conversation)).toEqual([
      "system: Be brief.",
      "user: How is the weather in Bern?",
      'assistant: weather#call-1{"city":"Bern"}',
      'tool: failed #call-1 = "No such city."',
      "user: Go on.",
      "assistant: (Hm.) | I cannot know.",
    ]);
    expect(conversation?.answered[0]?.finish).toBe("end_turn");
  });

  it("Gemini, Bedrock and OpenAI's Responses API", () => {
    const gemini = {
      system_instruction: { parts: [{ text: "Be brief." }] },
      contents: [
        { role: "user", parts: [{ text: asked }, { inlineData: { mimeType: "image/png", data: "AAAA" } }] },
        { role: "model", parts: [{ functionCall: { name: "weather", args: { city: "Bern" } } }] },
        { role: "user", parts: [{ functionResponse: { name: "weather", response: { sky: "blue" } } }] },
      ],
    };
    expect(messagesOf(JSON.stringify(gemini), "user").map(told)).toEqual([
      "system: Be brief.",
      "user: How is the weather in Bern? | [image image/png 3]",
      'assistant: weather#{"city":"Bern"}',
      'tool: weather# = {"sky":"blue"}',
    ]);
    const bedrock = {
      output: {
        message: {
          role: "assistant",
          content: [{ text: "Sunny." }, { toolUse: { toolUseId: "t", name: "now", input: {} } }],
        },
      },
    };
    expect(messagesOf(bedrock, "assistant").map(told)).toEqual(["assistant: Sunny. | now#t{}"]);
    const responses = {
      object: "response",
      output: [
        { type: "reasoning", summary: [{ type: "summary_text", text: "Hm." }] },
        { type: "function_call", call_id: "c", name: "weather", arguments: '{"city":"Bern"}' },
        { type: "function_call_output", call_id: "c", output: "Sunny." },
        { type: "message", role: "assistant", content: [{ type: "output_text", text: "It is sunny." }] },
      ],
    };
    expect(messagesOf(responses, "assistant").map(told)).toEqual([
      "assistant: (Hm.)",
      'assistant: weather#c{"city":"Bern"}',
      'tool: #c = "Sunny."',
      "assistant: It is sunny.",
    ]);
  });
});

describe("events of older conventions", () => {
  it("one for each message, and one for the answer", () => {
    const events: SpanEvent[] = [
      { ts: 1, name: "gen_ai.system.message", attributes: { content: "Be brief." } },
      { ts: 1, name: "gen_ai.user.message", attributes: { content: "Tea?" } },
      {
        ts: 2,
        name: "gen_ai.choice",
        attributes: { message: '{"role":"assistant","content":"Yes."}', index: 0 },
      },
    ];
    const expected = ["system: Be brief.", "user: Tea?", "assistant: Yes."];
    expect(lines(conversationOf(call({}, "llm_call", events)))).toEqual(expected);
    const azure = events.map((event) => ({
      ...event,
      attributes: {
        "gen_ai.event.content": JSON.stringify(event.attributes),
        "gen_ai.system": "az.ai.inference",
      },
    }));
    expect(lines(conversationOf(call({}, "llm_call", azure)))).toEqual(expected);
  });

  it("prompt and completion; the details of an inference", () => {
    const events: SpanEvent[] = [
      {
        ts: 1,
        name: "gen_ai.content.prompt",
        attributes: { "gen_ai.prompt": '[{"role":"user","content":"Tea?"}]' },
      },
      { ts: 2, name: "gen_ai.content.completion", attributes: { "gen_ai.completion": "Yes." } },
    ];
    expect(lines(conversationOf(call({}, "llm_call", events)))).toEqual(["user: Tea?", "assistant: Yes."]);
    const details = [
      {
        ts: 1,
        name: "gen_ai.client.inference.operation.details",
        attributes: { "gen_ai.input.messages": "Tea?", "gen_ai.output.messages": "Yes." },
      },
    ];
    expect(lines(conversationOf(call({}, "llm_call", details)))).toEqual(["user: Tea?", "assistant: Yes."]);
  });

  it("log records: Claude Code, and the bodies of GenAI events", () => {
    const log = (name: string, attributes: Attributes, message = name): TailEvent => ({
      seq: 1,
      ts: 1,
      event: "log",
      message,
      attributes: { "event.name": name, ...attributes },
    });
    const claude = [log("user_prompt", { prompt: "Tea?" }), log("assistant_response", { response: "Yes." })];
    expect(lines(conversationOf(call({}, "span"), claude))).toEqual(["user: Tea?", "assistant: Yes."]);
    const bodies = [
      log("gen_ai.user.message", {}, '{"content":"Tea?"}'),
      log(
        "gen_ai.choice",
        {},
        '{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"Yes."}}',
      ),
    ];
    expect(lines(conversationOf(call({}), bodies))).toEqual(["user: Tea?", "assistant: Yes."]);
    const tool = [log("tool_result", { tool_input: '{"command":"echo tea"}' })];
    expect(lines(conversationOf(call({}, "tool"), tool))).toEqual(['assistant: call#{"command":"echo tea"}']);
  });
});

describe("what is beside the messages", () => {
  it("images by address or with their bytes", () => {
    const content = [
      { type: "image_url", image_url: { url: "https://example.org/a.png" } },
      { type: "input_image", image_url: "data:image/png;base64,AAAA" },
      { type: "image", source: { type: "base64", media_type: "image/jpeg", data: "AAAAAAAA" } },
      { type: "uri", modality: "image", mime_type: "image/gif", uri: "gs://bucket/b.gif" },
      { type: "blob", modality: "audio", mime_type: "audio/wav", content: "AAAA" },
      { type: "file", mediaType: "application/pdf", data: "AAAA" },
    ];
    expect(messagesOf([{ role: "user", content }], "user").map(told)).toEqual([
      "user: [image  https://example.org/a.png] | [image image/png 3] | [image image/jpeg 6] | " +
        "[image image/gif gs://bucket/b.gif] | [audio audio/wav 3] | [file application/pdf 3]",
    ]);
  });

  it("reasoning and calls that the Vercel AI SDK tells apart from the text", () => {
    const attributes = {
      "gen_ai.output.messages": "One moment.",
      "ai.response.reasoning": "Hm.",
      "ai.response.toolCalls": '[{"toolCallId":"c","toolName":"weather","input":"{\\"city\\":\\"Bern\\"}"}]',
      "ai.prompt.tools": ['{"type":"function","name":"weather"}'],
    };
    const conversation = conversationOf(call(attributes));
    expect(lines(conversation)).toEqual(['assistant: (Hm.) | One moment. | weather#c{"city":"Bern"}']);
    expect(conversation?.tools).toEqual(["weather"]);
  });

  it("the whole conversation of an agent ends with its answer", () => {
    const all = [
      { role: "user", parts: [{ type: "text", content: "Tea?" }] },
      { role: "assistant", parts: [{ type: "text", content: "Yes." }] },
    ];
    const conversation = conversationOf(call({ "pydantic_ai.all_messages": JSON.stringify(all) }, "span"));
    expect(conversation?.asked.map(told)).toEqual(["user: Tea?"]);
    expect(conversation?.answered.map(told)).toEqual(["assistant: Yes."]);
  });

  it("what a step of a chain was given and gave", () => {
    const attributes = {
      "traceloop.entity.input": '{"args": ["Tea"], "kwargs": {}}',
      "traceloop.entity.output": "null",
    };
    expect(lines(conversationOf(call(attributes, "phase")))).toEqual(["input: Tea"]);
    expect(conversationOf(call({ "http.method": "GET" }, "span"))).toBeNull();
  });

  it("what has no known form is data, and a broken text a text", () => {
    expect(messagesOf('{"a": [1, 2]}', "user").map(told)).toEqual(['user: {"a":[1,2]}']);
    expect(messagesOf('[{"role": "user", "content": "half a mes…', "user").map(told)).toEqual([
      'user: [{"role": "user", "content": "half a mes…',
    ]);
    let deep: Attributes[string] = "end";
    for (let level = 0; level < 5_000; level++) deep = [deep];
    expect(messagesOf(deep, "user")).toHaveLength(1);
    expect(messagesOf({ "__proto__.polluted": "yes" }, "user")).toHaveLength(1);
    expect(Object.hasOwn(Object.prototype, "polluted")).toBe(false);
  });
});

describe("history", () => {
  const said = (role: Message["role"], text: string): Message => ({
    role,
    name: "",
    parts: [{ kind: "text", text }],
    finish: "",
  });

  it("each call repeats what went before", () => {
    const first: Conversation = {
      asked: [said("system", "Be brief."), said("user", "Tea?")],
      answered: [said("assistant", "Yes.")],
      tools: [],
    };
    const asked = [...first.asked, ...first.answered, said("user", "Green?")];
    expect(repeated(first, asked)).toBe(3);
    expect(repeated(first, asked.slice(1))).toBe(2);
    expect(repeated(first, [said("user", "Coffee?")])).toBe(0);
    expect(repeated(first, [said("system", "Be brief."), said("user", "Coffee?")])).toBe(1);
    expect(repeated(first, [said("assistant", "Yes.")])).toBe(0);
    // an agent that leaves the beginning out when it gets long
    expect(repeated(first, [said("user", "Tea?"), said("assistant", "Yes."), said("user", "Green?")])).toBe(
      2,
    );
    const long = {
      ...first,
      asked: [said("system", "Be brief."), said("user", "Hi."), said("user", "Tea?")],
    };
    expect(repeated(long, asked)).toBe(3);
  });

  it("results belong to calls by id, else in order", () => {
    const messages = messagesOf(
      [
        {
          role: "assistant",
          tool_calls: [
            { id: "a", name: "x", args: {} },
            { id: "b", name: "x", args: {} },
          ],
        },
        { role: "tool", tool_call_id: "b", content: "second" },
        { role: "tool", tool_call_id: "a", content: "first" },
        { role: "model", parts: [{ functionCall: { name: "y", args: {} } }] },
        { role: "user", parts: [{ functionResponse: { name: "y", response: 3 } }] },
      ],
      "user",
    );
    const found = [...results(messages)].map(([{ id, name }, { value }]) => [id || name, value]);
    expect(found).toEqual([
      ["b", "second"],
      ["a", "first"],
      ["y", 3],
    ]);
  });
});

describe("spans that are no call of a model", () => {
  it("tells what a search was asked and what it found", () => {
    const found = conversationOf(
      call(
        {
          "input.value": "Which book?",
          "output.value": JSON.stringify({
            documents: [
              { id: null, metadata: { shelf: 3 }, page_content: "A book on tea.", type: "Document" },
            ],
          }),
        },
        "retrieval",
      ),
    );
    expect(lines(found)).toEqual(["input: Which book?", 'output: < > A book on tea. {"shelf":3}']);
    const flat = conversationOf(
      call(
        {
          "input.value": "Which book?",
          "retrieval.documents.0.document.content": "A book on tea.",
          "retrieval.documents.0.document.score": 0.75,
          "retrieval.documents.1.document.id": "book-2",
        },
        "retrieval",
      ),
    );
    expect(lines(flat)).toEqual([
      "input: Which book?",
      "output: < 0.75> A book on tea. null | <book-2 >  null",
    ]);
  });

  it("tells how many vectors a text became", () => {
    const vercel = { "ai.values": ['"a cloud"', '"tea"'], "ai.embeddings": ["[0.1,0.2]", "[0.3,0.4]"] };
    const embedding = { ...call(vercel), name: "ai.embedMany.doEmbed" };
    expect(lines(conversationOf(embedding))).toEqual(["input: a cloud\n\ntea", "output: 2 of 2"]);
    const answer = { object: "list", data: [{ embedding: btoa("0123456789abcdef"), index: 0 }] };
    const mlflow = {
      "gen_ai.input.messages": JSON.stringify({ model: "text-embedding-3-small", input: "tea" }),
      "gen_ai.output.messages": JSON.stringify(answer),
    };
    expect(lines(conversationOf({ ...call(mlflow), name: "Embeddings" }))).toEqual([
      "input: tea",
      "output: 1 of 4",
    ]);
  });

  it("names what a function in Python was called with", () => {
    const asked = (args: unknown[], kwargs: object) =>
      lines(conversationOf(call({ "gen_ai.tool.call.arguments": JSON.stringify({ args, kwargs }) }, "tool")));
    expect(asked(["Tea"], {})).toEqual(['assistant: call#{"input":"Tea"}']);
    expect(asked([], { title: "Tea" })).toEqual(['assistant: call#{"title":"Tea"}']);
    expect(asked([1, 2], { up: true })).toEqual(['assistant: call#{"inputs":[1,2],"up":true}']);
  });

  it("takes from Claude Code's log what its tools were asked, and how it ended", () => {
    const tool = call(
      { "gen_ai.tool.name": "Bash", "gen_ai.tool.call.id": "t1", full_command: "ls" },
      "tool",
    );
    const ended = (attributes: Attributes): TailEvent => ({
      seq: 0,
      ts: 0,
      event: "log",
      attributes: { "event.name": "tool_result", tool_use_id: "t1", ...attributes },
    });
    expect(lines(conversationOf(tool))).toEqual(['assistant: Bash#t1{"command":"ls"}']);
    const asked = 'assistant: Bash#t1{"command":"ls /"}';
    const input = { tool_input: '{"command":"ls /"}' };
    expect(
      lines(conversationOf(tool, [ended({ ...input, success: "true", tool_result_size_bytes: "3" })])),
    ).toEqual([asked, 'tool: Bash#t1 = "(3 bytes, which were not sent)"']);
    expect(lines(conversationOf(tool, [ended({ ...input, success: "false", error: "it failed" })]))).toEqual([
      asked,
      'tool: failed Bash#t1 = "it failed"',
    ]);
    const answer: TailEvent = {
      ...ended({ "event.name": "assistant_response", response: "Coffee is a drink." }),
    };
    expect(lines(conversationOf(tool, [ended(input), answer]))).toEqual([
      asked,
      'tool: Bash#t1 = "Coffee is a drink."',
    ]);
    expect(lines(conversationOf(tool, [ended({ ...input, tool_use_id: "another" })]))).toEqual([
      'assistant: Bash#t1{"command":"ls"}',
    ]);
  });
});
