import { describe, expect, it } from "vitest";
import { lengthOf, visibleRows } from "../../src/compare/compare-rows";
import { contentText, differingKeys } from "../../src/compare/content-text";
import { type DiffLine, diffLines, edits, withContext } from "../../src/compare/text-diff";
import type { ComparedRow, Comparison, Difference } from "../../src/service/wire-compare";
import { figures, leftOutText } from "../../src/views/compare/compare-words";

const SIGNS = { same: " ", removed: "-", added: "+" } as const;

/** "-the [old] line": what differs within a line stands in brackets. */
function drawn(lines: readonly DiffLine[]): string[] {
  return lines.map(({ kind, parts }) => {
    const text = parts.map((part) => (part.changed ? `[${part.text}]` : part.text)).join("");
    return SIGNS[kind] + text;
  });
}

describe("the difference of two texts", () => {
  it("is found by line, and within a line by word", () => {
    expect(
      drawn(diffLines("You are kind.\nAnswer in English.\nBye", "You are kind.\nAnswer in French.\nBye")),
    ).toEqual([" You are kind.", "-Answer in [English].", "+Answer in [French].", " Bye"]);
  });

  it("is a whole line where the lines have nothing in common", () => {
    expect(drawn(diffLines("alpha beta", "one two"))).toEqual(["-alpha beta", "+one two"]);
  });

  it("says what was put in and what was taken out", () => {
    expect(drawn(diffLines("a\nb\nc\nd", "b\nx\nc\nd\ne"))).toEqual(["-a", " b", "+x", " c", " d", "+e"]);
    expect(drawn(diffLines("same", "same"))).toEqual([" same"]);
  });

  it("leads from the one to the other, whatever they are", () => {
    let seed = 7;
    const next = (below: number): number => {
      seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
      return Math.floor((seed / 2_147_483_648) * below);
    };
    const list = (): string[] => Array.from({ length: next(30) }, () => "abcd".charAt(next(4)));
    for (let round = 0; round < 300; round++) {
      const [a, b] = [list(), list()];
      const found = edits(a, b);
      const side = (kind: string): string[] =>
        found.filter((edit) => edit.kind === kind || edit.kind === "same").flatMap(({ items }) => items);
      expect(side("removed")).toEqual(a);
      expect(side("added")).toEqual(b);
    }
  });

  it("gives up on texts that are altogether different", () => {
    const text = (sign: string): string =>
      Array.from({ length: 5_000 }, (_, at) => `${sign}${at}`).join("\n");
    const lines = diffLines(`head\n${text("a")}`, `head\n${text("b")}`);
    expect(lines).toHaveLength(10_001);
    expect(lines[0]?.kind).toBe("same");
  });

  it("is shown with a few lines around it", () => {
    const lines = diffLines("1\n2\n3\n4\n5\n6", "1\n2\n3\n4\nx\n6");
    const shown = withContext(lines, 1).map((line) => ("skipped" in line ? line.skipped : drawn([line])[0]));
    expect(shown).toEqual([3, " 4", "-5", "+x", " 6"]);
  });
});

describe("content", () => {
  it("is read as messages with their roles", () => {
    const messages = [
      { role: "user", parts: [{ type: "text", content: "Hello" }] },
      { role: "assistant", parts: [{ type: "tool_call", name: "look" }] },
    ];
    const text = 'user:\nHello\n\nassistant:\n{\n  "type": "tool_call",\n  "name": "look"\n}';
    expect(contentText(JSON.stringify(messages))).toBe(text);
    expect(contentText(messages)).toBe(text);
    expect(contentText([{ type: "text", content: "Be brief." }])).toBe("Be brief.");
    expect(contentText("{no json")).toBe("{no json");
    expect(contentText(undefined)).toBeUndefined();
    expect(contentText({ big: 9_007_199_254_740_993n })).toBe('{\n  "big": "9007199254740993"\n}');
  });

  it("stands apart from the other attributes that differ", () => {
    const a = { same: 1, other: "x", gone: true, "gen_ai.input.messages": "a" };
    const b = { same: 1, other: "y", new: [1], "gen_ai.input.messages": "b" };
    expect(differingKeys(a, b)).toEqual(["gone", "new", "other"]);
  });
});

function row(
  depth: number,
  name: string,
  sides: "ab" | "a" | "b" = "ab",
  changed: Difference[] = [],
): ComparedRow {
  const side = (run: string) => ({ span_id: name + run, status: "ok" as const, start: 0, end: 1 });
  const [a, b] = [sides.includes("a") ? side("a") : null, sides.includes("b") ? side("b") : null];
  return { depth, name, kind: "span", a, b, changed };
}

describe("the rows in sight", () => {
  const rows = [
    row(0, "root"),
    row(1, "x"),
    row(2, "x1", "a"),
    row(1, "y"),
    row(2, "y1"),
    row(2, "y2", "ab", ["model"]),
    row(3, "y3"),
    row(1, "z", "b"),
    row(2, "z1", "b"),
  ];
  const names = (shown: "all" | "differing" | "a" | "b", ...collapsed: string[]): string =>
    visibleRows(rows, shown, new Set(collapsed))
      .map(({ row: { name }, isContext }) => (isContext ? `(${name})` : name))
      .join(" ");

  it("are all, or those that are asked for with those above them", () => {
    expect(names("all")).toBe("root x x1 y y1 y2 y3 z z1");
    expect(names("differing")).toBe("(root) (x) x1 (y) y2 z z1");
    expect(names("a")).toBe("(root) (x) x1");
    expect(names("b")).toBe("(root) z z1");
  });

  it("are not those below a collapsed one", () => {
    expect(names("all", "ya", "b:zb")).toBe("root x x1 y z");
    expect(names("differing", "xa")).toBe("(root) (x) (y) y2 z z1");
  });

  it("share the scale of the longer run", () => {
    expect(lengthOf({ start: 5, end: 9 }, { start: 100 }, 110)).toBe(10);
    expect(lengthOf({}, {}, 110)).toBe(1);
  });
});

it("says how long a run took that is over as exactly as elsewhere, beside one that goes on", () => {
  const over = { run_id: "a", status: "completed", start: 0, end: 1_000_000 };
  const runs = { a: over, b: { run_id: "b", status: "running", start: 0 } } as Comparison;
  const [took] = figures(runs, 46_500_000);
  expect([took?.a, took?.b, took?.delta]).toEqual(["1.00 s", "46.5 s", "+45.5 s"]);
  expect(figures({ ...runs, b: over } as Comparison, 0)[0]?.a).toBe("1.00 s");
});

it("counts fallbacks as the run's page does: attempts that were not made stand by themselves", () => {
  const calls = { calls: 22, fallbacks: 2, expected_fallbacks: 20, tokens: { input: 5_810, output: 12_000 } };
  const a = { run_id: "a", status: "completed", backends: { x: calls } };
  const b = { run_id: "b", status: "completed" };
  const of = (runs: object) =>
    Object.fromEntries(figures(runs as Comparison, 0).map((figure) => [figure.name, figure.a]));
  expect(of({ a, b })).toMatchObject({
    fallbacks: "2",
    skipped: "20",
    "tokens in": "5,810",
    "tokens out": "12k",
  });
  expect(of({ a: b, b })).not.toHaveProperty("skipped");
});

it("says what of a long comparison is not shown", () => {
  const of = (both: number, differing: number, out: number, rows: number) =>
    leftOutText({ both, differing, left_out: out, rows: Array(rows) } as unknown as Comparison);
  expect(of(10, 1, 0, 10)).toBe("");
  expect(of(10_001, 4, 1, 10_000)).toBe("1 row without a difference is not shown");
  expect(of(12_000, 4, 2_000, 10_000)).toBe("2,000 rows without a difference are not shown");
  expect(of(1, 1, 57, 10_000)).toBe("57 of 10,057 rows are not shown");
});
