import { expect, it } from "vitest";
import { libraryOf, saysNoMore, stackParts } from "../../src/text/traceback";

const PYTHON = `Traceback (most recent call last):
  File "/app/shop/pipeline.py", line 88, in score
    answer = client.chat(prompt)
             ^^^^^^^^^^^^^^^^^^^
  File "/usr/lib/python3.12/site-packages/httpx/_client.py", line 914, in send
    response = self._send(request)
httpcore.ReadTimeout: The read operation timed out

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/app/shop/main.py", line 12, in <module>
    run()
  File "<frozen importlib>", line 3
shop.errors.ScoringFailed: job 1
could not be scored
`;

it("reads Python's chains, what was raised last first, the newest frame first", () => {
  const parts = stackParts(PYTHON) ?? [];
  expect(parts.map(({ relation, message }) => [relation, message])).toEqual([
    ["", "shop.errors.ScoringFailed: job 1\ncould not be scored"],
    ["raised while handling", "httpcore.ReadTimeout: The read operation timed out"],
  ]);
  expect(parts[1]?.frames.map(({ name, line, code, isOwn }) => [name, line, code, isOwn])).toEqual([
    ["send", 914, "response = self._send(request)", false],
    ["score", 88, "answer = client.chat(prompt)", true],
  ]);
  expect(parts[0]?.frames.map(({ isOwn }) => isOwn)).toEqual([false, true]);
  expect(parts[1]?.frames[0] && libraryOf(parts[1].frames[0])).toBe("httpx");
});

it("reads those of JavaScript", () => {
  const [first, second] =
    stackParts(`TypeError: no answer
    at score (/app/src/score.ts:10:5)
    at async file:///app/src/main.js:3:1
    at node:internal/process/task_queues:95:5
    at get (/app/node_modules/@scope/http/index.js:1:2)
  [cause]: Error: refused
    at connect (node:net:1:2)`) ?? [];
  expect(first?.frames.map(({ name, file, line, isOwn }) => [name, file, line, isOwn])).toEqual([
    ["score", "/app/src/score.ts", 10, true],
    ["", "/app/src/main.js", 3, true],
    ["", "node:internal/process/task_queues", 95, false],
    ["get", "/app/node_modules/@scope/http/index.js", 1, false],
  ]);
  expect(first?.frames[3] && libraryOf(first.frames[3])).toBe("@scope/http");
  expect(second).toMatchObject({ relation: "caused by", message: "Error: refused" });
});

it("reads those of Java and .NET", () => {
  const [java, cause] =
    stackParts(`com.shop.Failed: no
\tat com.shop.Score.run(Score.java:12)
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: java.io.IOException: closed
\tat java.io.Reader.read(Native Method)
\t... 3 more`) ?? [];
  expect(java?.frames[0]).toMatchObject({
    name: "com.shop.Score.run",
    file: "Score.java",
    line: 12,
    isOwn: true,
  });
  expect(cause?.frames[0]).toMatchObject({ line: null, isOwn: false });
  const [net] =
    stackParts(`System.Exception: no
   at Shop.Score.Run(Int32 id) in /src/Score.cs:line 7
   at System.Threading.Tasks.Task.Execute()`) ?? [];
  expect(net?.frames.map(({ line, isOwn }) => [line, isOwn])).toEqual([
    [7, true],
    [null, false],
  ]);
});

it("leaves what it does not understand as it is", () => {
  expect(stackParts("goroutine 1 [running]:\nmain.main()\n\t/app/main.go:7 +0x1d")).toBeNull();
  expect(stackParts("it went wrong")).toBeNull();
  expect(stackParts("")).toBeNull();
});

it("knows a traceback that only repeats type and message", () => {
  const says = (traceback: string) => saysNoMore(traceback, "openai.RateLimitError", "429");
  expect(["RateLimitError: 429\n", "openai.RateLimitError: 429", "429"].map(says)).toEqual([
    true,
    true,
    true,
  ]);
  expect([says("RateLimitError: 429\n  at line 3"), says("RateLimitError"), says(PYTHON)]).toEqual([
    false,
    false,
    false,
  ]);
});
