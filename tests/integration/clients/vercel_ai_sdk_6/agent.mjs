// The Vercel AI SDK 6, whose spans have names of its own: an agent with a tool, a stream, an embedding, a failure.

import { trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { embed, generateText, simulateReadableStream, stepCountIs, streamText, tool } from "ai";
import { MockEmbeddingModelV3, MockLanguageModelV3 } from "ai/test";
import { z } from "zod";

const sdk = new NodeSDK({ serviceName: "vercel-ai-sdk-6" });
sdk.start();
const experimental_telemetry = {
  isEnabled: true,
  functionId: "planner",
  metadata: { sessionId: "a-session", userId: "ada" },
};

function used(input, output, { cacheRead = 0, reasoning = 0 } = {}) {
  return {
    inputTokens: { total: input, noCache: input - cacheRead, cacheRead, cacheWrite: 0 },
    outputTokens: { total: output, text: output - reasoning, reasoning },
  };
}

const answered = { id: "answer-1", modelId: "gpt-4o-mini-2024-07-18" };
const asksForTheWeather = {
  content: [{ type: "tool-call", toolCallId: "call-1", toolName: "weather", input: '{"city":"Bern"}' }],
  finishReason: { unified: "tool-calls", raw: "tool_calls" },
  usage: used(120, 20),
  response: answered,
  warnings: [],
};
const tellsTheWeather = {
  content: [{ type: "text", text: "It is sunny in Bern." }],
  finishReason: { unified: "stop", raw: "stop" },
  usage: used(1200, 30, { cacheRead: 1024 }),
  response: { ...answered, id: "answer-2" },
  warnings: [],
};
const writesAPoem = {
  stream: simulateReadableStream({
    chunkDelayInMs: 20,
    chunks: [
      { type: "stream-start", warnings: [] },
      { type: "response-metadata", ...answered, id: "answer-3" },
      { type: "text-start", id: "1" },
      { type: "text-delta", id: "1", delta: "Sun over Bern, and not a cloud." },
      { type: "text-end", id: "1" },
      { type: "finish", finishReason: { unified: "stop", raw: "stop" }, usage: used(60, 40) },
    ],
  }),
};
const model = new MockLanguageModelV3({
  provider: "openai.chat",
  modelId: "gpt-4o-mini",
  doGenerate: [asksForTheWeather, tellsTheWeather],
  doStream: writesAPoem,
});
const overloaded = new MockLanguageModelV3({
  provider: "anthropic.messages",
  modelId: "claude-sonnet-4-5",
  doGenerate: async () => {
    throw new Error("the model is overloaded");
  },
});
const vectors = new MockEmbeddingModelV3({
  provider: "openai.embedding",
  modelId: "text-embedding-3-small",
  doEmbed: async ({ values }) => ({
    embeddings: values.map(() => [0.1, 0.2]),
    usage: { tokens: 500 },
    warnings: [],
  }),
});
const weather = tool({
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

await trace.getTracer("tests.vercel-ai-sdk").startActiveSpan("plan a day", async (root) => {
  await generateText({
    model,
    prompt: "What is the weather in Bern?",
    tools: { weather },
    stopWhen: stepCountIs(5),
    experimental_telemetry,
  });
  const { textStream } = streamText({ model, prompt: "A line of poetry about it.", experimental_telemetry });
  for await (const _ of textStream);
  await embed({ model: vectors, value: "a cloud over Bern", experimental_telemetry });
  await generateText({
    model: overloaded,
    prompt: "Is this good?",
    maxRetries: 0,
    experimental_telemetry,
  }).catch(() => root.addEvent("nobody has read the poem"));
  root.end();
  console.log(`${process.env.SPANTAIL_URL}/runs/${root.spanContext().traceId}`);
});

await sdk.shutdown();
