/**
 * JSON as the service writes it, without loss: `JSON.parse` rounds whole numbers beyond 2^53, and an id of an
 * application is often such a number. In attributes and results they become bigints; elsewhere, where the page
 * calculates, they stay numbers.
 */

/** Found wherever a whole number of 2^53 or more stands; what has none needs nothing but `JSON.parse`. */
const MAY_BE_LARGE = /[:,[ -](?:9\d{15}|\d{17})/;
const CANDIDATE = /[:,[ ](-?(?:9\d{15}|\d{17,}))(?=[\s,}\]])/g;
/** Below these names stand values of applications. */
const SAID_BY_APPLICATIONS: ReadonlySet<string> = new Set(["attributes", "sent", "result"]);

/** The value of a JSON text. Raises a SyntaxError, as `JSON.parse` does. */
export function parseJson<T>(text: string): T {
  if (!MAY_BE_LARGE.test(text)) return JSON.parse(text) as T;
  const mark = newMark();
  const marked = withMarks(text, mark);
  const value: unknown = JSON.parse(marked);
  return (marked === text ? value : restored(value, mark, false)) as T;
}

/** As `JSON.stringify`, with bigints, NaN and infinities as the numbers they are. */
export function writeJson(value: unknown, indent = 0): string {
  const mark = newMark();
  let found = false;
  const exact = (_key: string, inner: unknown) => {
    if (typeof inner !== "bigint" && (typeof inner !== "number" || Number.isFinite(inner))) return inner;
    found = true;
    return mark + inner;
  };
  const text = JSON.stringify(value, exact, indent) ?? "";
  return found ? text.replaceAll(new RegExp(`"${mark}(-?\\d+|NaN|-?Infinity)"`, "g"), "$1") : text;
}

const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}:,]|[^\s"[\]{}:,]+/g;

/**
 * A JSON text laid out for reading; null where the text is none. Numbers stay as they were written: `1.0` and
 * `9007199254740993` mean something to whoever wrote them.
 */
export function indented(text: string): string | null {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  const tokens = text.match(TOKEN) ?? [];
  let out = "";
  let depth = 0;
  const line = () => `\n${"  ".repeat(depth)}`;
  tokens.forEach((token, at) => {
    if (token === "{" || token === "[") {
      out += token;
      depth++;
      if (!/[\]}]/.test(tokens[at + 1]?.[0] ?? "")) out += line();
    } else if (token === "}" || token === "]") {
      depth--;
      out += /[[{]/.test(tokens[at - 1]?.[0] ?? "") ? token : line() + token;
    } else if (token === ",") out += token + line();
    else if (token === ":") out += ": ";
    else out += token.startsWith('"') ? JSON.stringify(JSON.parse(token)) : token;
  });
  return out;
}

/** Random, so that no text of an application can pass for a number. */
function newMark(): string {
  return `${Math.random().toString(36).slice(2)}:`;
}

/** The text with each large whole number as a string that begins with `mark`. */
function withMarks(text: string, mark: string): string {
  const parts: string[] = [];
  const strings = new Strings(text);
  let done = 0;
  for (const match of text.matchAll(CANDIDATE)) {
    const digits = match[1] ?? "";
    const at = match.index + 1;
    if (Number.isSafeInteger(Number(digits)) || strings.cover(at)) continue;
    parts.push(text.slice(done, at), `"${mark}${digits}"`);
    done = at + digits.length;
  }
  parts.push(text.slice(done));
  return parts.join("");
}

/** Where in a JSON text its strings are, asked from left to right. */
class Strings {
  private readonly text: string;
  /** The first quote that is not behind us, or the text's end. */
  private open: number;
  private end = -1;

  constructor(text: string) {
    this.text = text;
    this.open = this.quote(0);
  }

  cover(at: number): boolean {
    while (this.open < at) {
      if (this.end < this.open) this.end = this.closing(this.open + 1);
      if (this.end > at) return true;
      this.open = this.quote(this.end + 1);
    }
    return false;
  }

  private quote(from: number): number {
    const at = this.text.indexOf('"', from);
    return at < 0 ? this.text.length : at;
  }

  private closing(from: number): number {
    let at = this.quote(from);
    while (at < this.text.length && this.isEscaped(at)) at = this.quote(at + 1);
    return at;
  }

  private isEscaped(at: number): boolean {
    let before = at;
    while (this.text[before - 1] === "\\") before--;
    return (at - before) % 2 === 1;
  }
}

/** The value with its numbers again in place of the marked strings. */
function restored(value: unknown, mark: string, exact: boolean): unknown {
  if (typeof value === "string") {
    if (!value.startsWith(mark)) return value;
    const digits = value.slice(mark.length);
    return exact ? BigInt(digits) : Number(digits);
  }
  if (value === null || typeof value !== "object") return value;
  const holder = value as Record<string, unknown>;
  for (const key of Object.keys(holder)) {
    const inner = holder[key];
    const found = restored(inner, mark, exact || SAID_BY_APPLICATIONS.has(key));
    if (found !== inner) holder[key] = found;
  }
  return value;
}
