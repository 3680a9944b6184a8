// An agent on the Vercel AI SDK, with nothing of Spantail's in it, shown by Spantail: steps, calls, tools and cost.
//
// Run `make run` (or `spantail demo`) in one terminal, and in another, from this folder:
//
//     npm ci
//     node agent.mjs
//
// It prints the address of its trace. OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_PROTOCOL (http/protobuf,
// http/json, grpc) send it elsewhere, SPANTAIL_URL is where it is looked at.
//
// It needs no key: the SDK's own mock models answer. Take `openai("gpt-4o-mini")` of `@ai-sdk/openai` in their place.

import { OpenTelemetry } from "@ai-sdk/otel";
import { trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";
import { generateText, isStepCount, registerTelemetry, simulateReadableStream, streamText, tool } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { z } from "zod";

process.env.OTEL_SERVICE_NAME ??= "vercel-ai-sdk-example";
process.env.OTEL_EXPORTER_OTLP_ENDPOINT ??= "http://127.0.0.1:8321";
process.env.OTEL_METRICS_EXPORTER ??= "none"; // leave it out to export the SDK's metrics too
const page = process.env.SPANTAIL_URL ?? "http://127.0.0.1:8321";

const sdk = new NodeSDK();
sdk.start();
registerTelemetry(new OpenTelemetry()); // from here on every call of the SDK makes spans

/** Tokens as the SDK's providers tell them. */
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
      { type: "text-delta", id: "1", delta: "Sun over Bern, " },
      { type: "text-delta", id: "1", delta: "and not a cloud." },
      { type: "text-end", id: "1" },
      { type: "finish", finishReason: { unified: "stop", raw: "stop" }, usage: used(60, 40) },
    ],
  }),
};
const model = new MockLanguageModelV4({
  provider: "openai.chat",
  modelId: "gpt-4o-mini",
  doGenerate: [asksForTheWeather, tellsTheWeather],
  doStream: writesAPoem,
});
const overloaded = new MockLanguageModelV4({
  provider: "anthropic.messages",
  modelId: "claude-sonnet-4-5",
  doGenerate: async () => {
    throw new Error("the model is overloaded");
  },
});

const weather = tool({
  description: "The weather in a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

await trace.getTracer("examples.vercel-ai-sdk").startActiveSpan("plan a day", async (root) => {
  await generateText({
    model,
    prompt: "What is the weather in Bern?",
    tools: { weather },
    stopWhen: isStepCount(5),
  });
  const { textStream } = streamText({ model, prompt: "A line of poetry about it, please." });
  for await (const text of textStream) process.stderr.write(text);
  process.stderr.write("\n");
  await generateText({ model: overloaded, prompt: "Is this good?", maxRetries: 0 }).catch(() =>
    root.addEvent("nobody has read the poem"),
  );
  root.end();
  console.log(`${page}/runs/${root.spanContext().traceId}`);
});

await sdk.shutdown(); // sends what is still waiting
