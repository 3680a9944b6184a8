import { expect, it } from "vitest";
import { curl } from "../../src/text/curl";
import { fuzzy } from "../../src/text/fuzzy";

function best(query: string, texts: string[]): string | undefined {
  return texts
    .map((text) => ({ text, score: fuzzy(query, text)?.score }))
    .filter(({ score }) => score !== undefined)
    .sort((a, b) => (b.score ?? 0) - (a.score ?? 0))[0]?.text;
}

it("finds names by a few of their letters, the start of words first", () => {
  expect(fuzzy("jsx", "job search")).toBeNull();
  expect(fuzzy("js", "job search")?.at).toEqual([0, 4]);
  expect(fuzzy("SEA", "job search")?.at).toEqual([4, 5, 6]);
  expect(fuzzy("chat", "Copy the run as OTLP")).toBeNull();
  expect(fuzzy("sp", "Download the Perfetto trace")).toBeNull();
  expect(fuzzy("onn", "claude-sonnet")?.at).toEqual([8, 9, 10]);
  expect(fuzzy("cs45", "claude-sonnet-4-5")?.at).toEqual([0, 7, 14, 16]);
  expect(fuzzy("", "job search")).toEqual({ score: 0, at: [] });
  expect(best("ns", ["transcript", "New session", "runs"])).toBe("New session");
  expect(best("run", ["turn", "ruins in Nimes", "New run…", "bruno"])).toBe("New run…");
  expect(best("tl", ["Notices; tells", "timeLine"])).toBe("timeLine");
});

it("writes requests for a shell, and never a token", () => {
  expect(curl("http://127.0.0.1:8321/api/traces/4bf9", false)).toBe(
    "curl -fsS http://127.0.0.1:8321/api/traces/4bf9",
  );
  expect(curl("http://h/a?b=c&d='x'", true)).toBe(
    `curl -fsS -H "Authorization: Bearer $SPANTAIL_TOKEN" 'http://h/a?b=c&d='\\''x'\\'''`,
  );
});
