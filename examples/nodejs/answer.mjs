// A Node.js application on the stock OpenTelemetry SDK, with nothing of Spantail's in it, shown by Spantail.
//
// Run `make run` (or `spantail demo`) in one terminal, and in another, from this folder:
//
//     npm ci
//     node answer.mjs
//
// It prints the address of its trace. OTEL_EXPORTER_OTLP_ENDPOINT sends it elsewhere.

import { setTimeout as sleep } from "node:timers/promises";
import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { NodeSDK } from "@opentelemetry/sdk-node";

const endpoint = (process.env.OTEL_EXPORTER_OTLP_ENDPOINT ??= "http://127.0.0.1:8321");
process.env.OTEL_METRICS_EXPORTER ??= "none"; // Spantail takes traces and logs

const sdk = new NodeSDK({ serviceName: "nodejs-example" });
sdk.start();
const tracer = trace.getTracer("examples.nodejs");

/** Runs `work` in a span, which keeps the error that `work` throws. */
function traced(name, options, work) {
  return tracer.startActiveSpan(name, options, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      span.recordException(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** Asks a model (made up here, as are its tokens). The attributes are OpenTelemetry's names for such a call. */
function ask(model) {
  const attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": model,
  };
  return traced(`chat ${model}`, { kind: SpanKind.CLIENT, attributes }, async (call) => {
    await sleep(100);
    call.setAttribute("gen_ai.usage.input_tokens", 412);
    call.setAttribute("gen_ai.usage.output_tokens", 96);
  });
}

await traced("answer a question", {}, async (root) => {
  await traced("find documents", { attributes: { "documents.found": 3 } }, () => sleep(50));
  await ask("gpt-4o-mini");
  await traced("store the answer", {}, () => {
    throw new Error("the database did not answer");
  }).catch(() => root.addEvent("answer kept in memory"));
  console.log(`${endpoint}/runs/${root.spanContext().traceId}`);
});

await sdk.shutdown(); // sends what is still waiting
