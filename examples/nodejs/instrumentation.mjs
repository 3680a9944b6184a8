// Starts OpenTelemetry before the application is loaded, so that what the application imports makes spans.

import { register } from "node:module";
import { HttpInstrumentation } from "@opentelemetry/instrumentation-http";
import { UndiciInstrumentation } from "@opentelemetry/instrumentation-undici";
import { NodeSDK } from "@opentelemetry/sdk-node";

process.env.OTEL_SERVICE_NAME ??= "nodejs-example";
process.env.OTEL_EXPORTER_OTLP_ENDPOINT ??= "http://127.0.0.1:8321";
process.env.OTEL_METRICS_EXPORTER ??= "none"; // this program has none

register("@opentelemetry/instrumentation/hook.mjs", import.meta.url); // node:http is an ES module here
export const sdk = new NodeSDK({
  instrumentations: [new HttpInstrumentation(), new UndiciInstrumentation()],
});
sdk.start();
