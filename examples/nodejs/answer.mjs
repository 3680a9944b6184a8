// A Node.js application on the stock OpenTelemetry SDK, with nothing of Spantail's in it, shown by Spantail.
//
// Run `make run` (or `spantail demo`) in one terminal, and in another, from this folder:
//
//     npm ci
//     node --import ./instrumentation.mjs answer.mjs
//
// It prints the address of its trace. OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_PROTOCOL (http/protobuf,
// http/json, grpc) send it elsewhere, SPANTAIL_URL is where it is looked at.

import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { sdk } from "./instrumentation.mjs";

const page = process.env.SPANTAIL_URL ?? "http://127.0.0.1:8321";
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

// A service that knows documents. Both sides of a request to it are spans, made by OpenTelemetry's instrumentations.
const library = createServer((request, response) => {
  setTimeout(() => response.end(JSON.stringify(["tea", "coffee", "water"])), 50);
});
library.listen(0, "127.0.0.1");
await once(library, "listening");

await traced("answer a question", {}, async (root) => {
  await traced("find documents", {}, async (span) => {
    const answer = await fetch(`http://127.0.0.1:${library.address().port}/documents`);
    span.setAttribute("documents.found", (await answer.json()).length);
  });
  await ask("gpt-4o-mini");
  await traced("store the answer", {}, () => {
    throw new Error("the database did not answer");
  }).catch(() => root.addEvent("answer kept in memory"));
  console.log(`${page}/runs/${root.spanContext().traceId}`);
});

library.close();
await sdk.shutdown(); // sends what is still waiting
