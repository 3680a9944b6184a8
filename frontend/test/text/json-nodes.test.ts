import { describe, expect, it } from "vitest";
import { isBranch, jsonNode, nodeCount, valueNode } from "../../src/text/json-nodes";
import { jsonOfPython } from "../../src/text/python-literal";

describe("JSON as nodes", () => {
  it("keeps numbers as they were written", () => {
    const node = jsonNode('{"id": 9007199254740993, "x": 1.0, "none": null, "yes": true, "t": "a\\nb"}');
    expect(node?.entries).toEqual([
      ["id", { kind: "number", text: "9007199254740993" }],
      ["x", { kind: "number", text: "1.0" }],
      ["none", { kind: "word", text: "null" }],
      ["yes", { kind: "word", text: "true" }],
      ["t", { kind: "string", text: "a\nb" }],
    ]);
  });

  it("takes values, large whole numbers among them", () => {
    const node = valueNode({ list: [1n << 60n, { deep: [] }] });
    expect(isBranch(node) && node.entries[0]?.[1]).toEqual({
      kind: "list",
      entries: [
        ["0", { kind: "number", text: "1152921504606846976" }],
        ["1", { kind: "map", entries: [["deep", { kind: "list", entries: [] }]] }],
      ],
    });
    expect(nodeCount(node)).toBe(5);
    expect(valueNode("text")).toEqual({ kind: "string", text: "text" });
    expect(valueNode(Number.NaN)).toEqual({ kind: "number", text: "NaN" });
  });

  it("keeps keys and texts that look like signs of JSON", () => {
    expect(jsonNode('{"a:{":"[1,2]","b":["}"]}')?.entries).toEqual([
      ["a:{", { kind: "string", text: "[1,2]" }],
      ["b", { kind: "list", entries: [["0", { kind: "string", text: "}" }]] }],
    ]);
  });

  it("is none of a text that is no map or list, or too long", () => {
    expect(jsonNode("{no json}")).toBeNull();
    expect(jsonNode("12")).toBeNull();
    expect(jsonNode(`[${"1,".repeat(600_000)}1]`)).toBeNull();
  });

  it("does not mind depth", () => {
    const deep = `${"[".repeat(3_000)}${"]".repeat(3_000)}`;
    expect(nodeCount(jsonNode(deep) ?? { kind: "word", text: "" })).toBe(3_000);
  });
});

describe("Python's notation", () => {
  it.each([
    [`{'role': 'user', 'name': None, 'ok': (True, False,)}`, '{"role":"user","name":null,"ok":[true,false]}'],
    [
      `[{'text': "it's \\"so\\"", 'price': 1.50, 'n': -2e-7}]`,
      '[{"text":"it\'s \\"so\\"","price":1.50,"n":-2e-7}]',
    ],
    [`['a\\nb', '\\xe9\\u20ac\\U0001f600']`, '["a\\nb","é€😀"]'],
    ["{}", "{}"],
    ["{'usage': CompletionUsage(tokens=1)}", null],
    ["[see the manual]", null],
    ["{'a': 1} and more", null],
    ["{1, 2}", null],
  ])("%j is read, or left as it is", (text, expected) => {
    expect(jsonOfPython(text)).toBe(expected);
  });

  it("is shown as the tree it is", () => {
    const node = jsonNode("[{'role': 'user', 'tokens': 12}]");
    expect(node && nodeCount(node)).toBe(4);
  });
});
