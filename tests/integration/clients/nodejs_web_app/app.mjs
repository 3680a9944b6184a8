// A web application in Node.js as others write it: Express, Redis, another service over HTTP, a model. Nothing in it
// knows of Spantail; OpenTelemetry's instrumentations make every span.

import { once } from "node:events";
import { createServer } from "node:http";
import { context } from "@opentelemetry/api";
import { suppressTracing } from "@opentelemetry/core";
import { sdk } from "./instrumentation.mjs";

const { default: express } = await import("express");
const { default: Redis } = await import("ioredis");
const { default: OpenAI } = await import("openai");

const redis = new Redis(process.env.REDIS_URL);
const openai = new OpenAI();
const app = express();

app.use(express.json());
app.get("/sell/:what", async (request, response) => {
  const { what } = request.params;
  const visits = await redis.incr(`visits:${what}`);
  const jobs = await fetch(`${process.env.DEMO_URL}/himalayas/jobs/api?limit=1`);
  const answer = await openai.chat.completions.create({
    model: "gpt-4o-mini",
    messages: [
      { role: "system", content: "You sell." },
      { role: "user", content: `What is ${what}?` },
    ],
  });
  await redis.hset(`answers:${what}`, { text: answer.choices[0].message.content });
  response.json({ visits, found: jobs.status, answer: answer.choices[0].message.content });
});
app.get("/broken", async (_request, response) => {
  await redis.set("list", "no list");
  await redis.lpush("list", "item").catch((error) => response.status(500).send(error.message));
});

const server = createServer(app);
server.listen(0, "127.0.0.1");
await once(server, "listening");
await once(redis, "ready");
for (const path of ["/sell/tea", "/broken"]) {
  // Whoever asks is no part of the application: its own span would be the root.
  await context.with(suppressTracing(context.active()), async () => {
    await (await fetch(`http://127.0.0.1:${server.address().port}${path}`)).text();
  });
}
server.close();
redis.disconnect();
await sdk.shutdown();
