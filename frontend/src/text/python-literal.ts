/** Values in Python's notation, which libraries write where they call `str()`: `{'role': 'user', 'name': None}`. Pure. */

/** Longer texts are shown as they are. */
const LONGEST = 200_000;
const BEGINS = /^\s*(?:\[\s*[[({'"\d\]-]|\[\s*(?:None|True|False)|\{\s*['"}])/;
const TOKEN =
  /\s+|'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"|[[\]{}(),:]|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|[A-Za-z_]\w*/gy;
const WORDS: Readonly<Record<string, string>> = { None: "null", True: "true", False: "false" };
const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\u0007",
  b: "\b",
  f: "\f",
  v: "\v",
};

/** The same value as JSON; null where the text is no list or dict in Python's notation. */
export function jsonOfPython(text: string): string | null {
  if (text.length > LONGEST || !BEGINS.test(text)) return null;
  const made: string[] = [];
  let end = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    end = index + token.length;
    const json = translated(token);
    if (json === null) return null;
    // Python may write a comma behind the last item.
    if (/^[\]}]$/.test(json) && made.at(-1) === ",") made.pop();
    if (json) made.push(json);
  }
  const json = made.join("");
  try {
    return end === text.length && JSON.parse(json) !== undefined ? json : null;
  } catch {
    return null;
  }
}

function translated(token: string): string | null {
  const first = token[0] ?? "";
  if (first === "'" || first === '"') return JSON.stringify(unescaped(token.slice(1, -1)));
  if (first === "(") return "[";
  if (first === ")") return "]";
  if (/[A-Za-z_]/.test(first)) return WORDS[token] ?? null;
  return token.trim();
}

function unescaped(text: string): string {
  return text.replace(
    /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([\s\S]))/g,
    (whole, short?: string, usual?: string, long?: string, other = "") => {
      const code = short ?? usual ?? long;
      if (code === undefined) return ESCAPES[other] ?? (other === "\n" ? "" : other);
      const point = Number.parseInt(code, 16);
      return point <= 0x10ffff ? String.fromCodePoint(point) : whole;
    },
  );
}
