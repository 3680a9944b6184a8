import { expect, it } from "vitest";
import { indented, parseJson, writeJson } from "../../src/service/json";

const INT64_MAX = "9223372036854775807";
const INT64_MIN = "-9223372036854775808";

it("keeps every digit of whole numbers in attributes", () => {
  const text = `{"attributes":{"id":9007199254740993,"most":${INT64_MAX},"least":${INT64_MIN},"list":[18446744073709551615,{"deep":-9007199254740993}]}}`;
  const span = parseJson<{ attributes: Record<string, unknown> }>(text);
  expect(span.attributes).toEqual({
    id: 9007199254740993n,
    most: BigInt(INT64_MAX),
    least: BigInt(INT64_MIN),
    list: [18446744073709551615n, { deep: -9007199254740993n }],
  });
  expect(writeJson(span)).toBe(text);
});

it("leaves numbers that fit, and those it calculates with, numbers", () => {
  expect(parseJson('{"ts":9007199254740993,"attributes":{"a":9007199254740991,"b":1.5e300}}')).toEqual({
    ts: 9007199254740992,
    attributes: { a: 9007199254740991, b: 1.5e300 },
  });
  const precise =
    '{"attributes":{"a":12345678901234567.5,"b":0.12345678901234567,"c":1234567890123456789e3}}';
  expect(parseJson(precise)).toEqual(JSON.parse(precise));
});

it.each([
  '{"attributes":{"a":"9007199254740993"}}',
  '{"attributes":{"a":"said: 9007199254740993, and","b":1}}',
  '{"attributes":{"a":"x\\",9007199254740993,\\"y\\\\"}}',
  '{"attributes":{"a":"\\\\","b":",9007199254740993,"}}',
  '{"attributes":{":9007199254740993":[]," 9007199254740993 ":"[9007199254740993]"}}',
])("does not take text for a number: %s", (text) => {
  const plain: unknown = JSON.parse(text);
  expect(parseJson(text)).toEqual(plain);
  // Beside a number that is one, too.
  const both = parseJson<unknown[]>(`[${text},{"attributes":{"n":9007199254740993}},${text}]`);
  expect(both).toEqual([plain, { attributes: { n: 9007199254740993n } }, plain]);
});

it("reads a text of many megabytes in one string", () => {
  const long = 'x\\"'.repeat(3_000_000);
  const read = parseJson<{ attributes: { n: bigint; s: string } }>(
    `{"attributes":{"s":"${long}","n":9007199254740993}}`,
  );
  expect(read.attributes.n).toBe(9007199254740993n);
  expect(read.attributes.s).toHaveLength(6_000_000);
});

it("does not change what an object inherits", () => {
  const read = parseJson<object>('{"attributes":{"__proto__":9007199254740993}}');
  expect(Object.getPrototypeOf((read as { attributes: object }).attributes)).toBe(Object.prototype);
  expect(writeJson(read)).toBe('{"attributes":{"__proto__":9007199254740993}}');
});

it.each(["", "{", '{"a":9007199254740993', '{"a":"9007199254740993}', "[9007199254740993 9007199254740993]"])(
  "refuses what is no JSON: %s",
  (text) => expect(() => parseJson(text)).toThrow(SyntaxError),
);

it("lays JSON out without changing a number", () => {
  expect(indented('{"id":9007199254740993,"x":1.0,"e":[],"o":{},"l":[1e400,{"t":"a\\u00e9,\\" {"}]}')).toBe(
    '{\n  "id": 9007199254740993,\n  "x": 1.0,\n  "e": [],\n  "o": {},\n  "l": [\n    1e400,\n    {\n      "t": "aé,\\" {"\n    }\n  ]\n}',
  );
  expect(indented("{no json}")).toBeNull();
});
