import { expect, it } from "vitest";
import { backendName, UNNAMED_BACKEND } from "../../src/text/format";
import { markOf } from "../../src/views/backend-mark";

it("warns where a call fell back, and nowhere else", () => {
  expect(markOf({ backend: "claude_cli" })).toBe("first");
  expect(markOf({ backend: "langchain", fallback_from: "claude_cli", fallback_reason: "rate_limit" })).toBe(
    "fallback",
  );
  expect(markOf({ backend: "claude_cli", fallback_from: "langchain", fallback_reason: "timeout" })).toBe(
    "fallback",
  );
  expect(markOf({ backend: "langchain" })).not.toBe("fallback");
  expect(markOf({ backend: "openai", fallback_from: "anthropic" })).toBe("fallback");
  for (const reason of ["not_installed", "circuit_open", "budget"])
    expect(markOf({ backend: "openai", fallback_from: "anthropic", fallback_reason: reason })).toMatch(
      /^hue/,
    );
});

it("gives no hue to what is not named", () => {
  expect(markOf({ backend: UNNAMED_BACKEND })).toBe("unnamed");
  expect(backendName(UNNAMED_BACKEND)).toBe("not named");
  expect(backendName("openai")).toBe("openai");
});

it("gives every other backend a hue, always the same", () => {
  const first = markOf({ backend: "langchain" });
  expect(first).toMatch(/^hue-\d$/);
  const hues = [
    "openai",
    "anthropic",
    "langchain",
    "openrouter",
    "gcp.gemini",
    "aws.bedrock",
    "mistral_ai",
    "groq",
  ];
  expect(new Set(hues.map((backend) => markOf({ backend }))).size).toBe(6);
});
