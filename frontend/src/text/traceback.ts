/** A traceback as frames, the newest first, with an application's own told from those of libraries. Pure. */

export interface StackFrame {
  /** Empty where the trace does not name one. */
  readonly name: string;
  readonly file: string;
  /** null where it is not told. */
  readonly line: number | null;
  /** The line of source, where the trace has it. */
  readonly code: string;
  readonly isOwn: boolean;
}

/** One exception of a chain. */
export interface StackPart {
  /** How it came to the one before it in the list: "caused by", "while handling"; empty for the first. */
  readonly relation: string;
  /** Type and message. */
  readonly message: string;
  readonly frames: readonly StackFrame[];
}

const LIBRARY =
  /[\\/](?:site-packages|dist-packages|node_modules|\.cargo|vendor)[\\/]|[\\/]lib[\\/]python\d|^node:|^internal[\\/]|^<frozen |^(?:java|javax|jdk|sun|kotlin|scala|System|Microsoft)\./;

const PYTHON_HEAD = "Traceback (most recent call last):";
const PYTHON_FRAME = /^\s*File "(.+)", line (\d+)(?:, in (.+))?$/;
const PYTHON_CHAIN: readonly (readonly [RegExp, string])[] = [
  [/^The above exception was the direct cause/, "caused by"],
  [/^During handling of the above exception/, "raised while handling"],
];
const AT = /^\s*at (?:async )?(.+)$/;
const AT_PLACE = /^(?:(.*?) \()?(?:file:\/\/)?(.+?):(\d+)(?::\d+)?\)?$/;
const JAVA_PLACE = /^([\w.$<>/@]+)\(([^:()]+)(?::(\d+))?\)$/;
const NET_PLACE = /^(.+?) in (.+):line (\d+)$/;
const CAUSE = /^\s*(?:Caused by:|\[cause\]:|--->)\s*/;

/** Whether a traceback has nothing in it that type and message do not say already. */
export function saysNoMore(traceback: string, type: string, message: string): boolean {
  const said = traceback.trim();
  return (
    said === message.trim() ||
    [type, type.split(".").at(-1)].some((name) => said === `${name}: ${message}`.trim())
  );
}

/** null where the text has no frames that are understood: then it is shown as it is. */
export function stackParts(text: string): StackPart[] | null {
  const parts = text.includes(PYTHON_HEAD) ? pythonParts(text) : atParts(text);
  return parts.some((part) => part.frames.length > 0) ? parts : null;
}

function isOwn(file: string): boolean {
  return !LIBRARY.test(file);
}

function pythonParts(text: string): StackPart[] {
  const blocks: { relation: string; lines: string[] }[] = [];
  let relation = "";
  for (const line of text.split("\n")) {
    const chain = PYTHON_CHAIN.find(([pattern]) => pattern.test(line));
    if (chain) relation = chain[1];
    else if (line.trim() === PYTHON_HEAD) {
      blocks.push({ relation, lines: [] });
      relation = "";
    } else blocks.at(-1)?.lines.push(line);
  }
  // Python tells the first exception first. Here the last one is, and each says what it came of.
  return blocks
    .map(({ lines }, at) => ({ ...pythonPart(lines), relation: blocks[at + 1]?.relation ?? "" }))
    .reverse();
}

function pythonPart(lines: readonly string[]): { message: string; frames: StackFrame[] } {
  const frames: StackFrame[] = [];
  const message: string[] = [];
  let inFrame = false;
  for (const line of lines) {
    const [, file, number, name] = PYTHON_FRAME.exec(line) ?? [];
    if (file !== undefined) {
      frames.push({ name: name ?? "", file, line: Number(number), code: "", isOwn: isOwn(file) });
      inFrame = true;
      continue;
    }
    if (inFrame && /^\s/.test(line)) {
      const last = frames.at(-1);
      const isMarker = /^[\s~^]*$/.test(line);
      if (last && last.code === "" && !isMarker) frames[frames.length - 1] = { ...last, code: line.trim() };
      continue;
    }
    inFrame = false;
    message.push(line);
  }
  return { message: message.join("\n").trim(), frames: frames.reverse() };
}

function atParts(text: string): StackPart[] {
  const parts: { relation: string; message: string[]; frames: StackFrame[] }[] = [];
  for (const line of text.split("\n")) {
    const at = AT.exec(line);
    if (!at || parts.length === 0) {
      const isCause = CAUSE.test(line);
      const last = parts.at(-1);
      if (!last || isCause)
        parts.push({ relation: last ? "caused by" : "", message: [line.replace(CAUSE, "")], frames: [] });
      else if (last.frames.length === 0) last.message.push(line);
      continue;
    }
    const frame = atFrame(at[1] ?? "");
    if (frame) parts.at(-1)?.frames.push(frame);
  }
  return parts.map(({ relation, message, frames }) => ({
    relation,
    message: message.join("\n").trim(),
    frames,
  }));
}

function atFrame(place: string): StackFrame | null {
  const net = NET_PLACE.exec(place);
  if (net) return frameOf(net[1] ?? "", net[2] ?? "", net[3], net[1] ?? "");
  const java = JAVA_PLACE.exec(place);
  if (java) return frameOf(java[1] ?? "", java[2] ?? "", java[3], java[1] ?? "");
  const [, name, file, line] = AT_PLACE.exec(place) ?? [];
  if (file !== undefined) return frameOf(name ?? "", file, line, file);
  return place.includes("(") ? frameOf(place, "", undefined, place) : null;
}

function frameOf(name: string, file: string, line: string | undefined, owner: string): StackFrame {
  return { name, file, line: line === undefined ? null : Number(line), code: "", isOwn: isOwn(owner) };
}

/** "httpx" of the path of a file in it; the file's name where it is not known. */
export function libraryOf({ file, name }: StackFrame): string {
  const found = /(?:site-packages|dist-packages|node_modules|vendor)[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)/.exec(
    file,
  );
  if (found) return (found[1] ?? "").replace(/\.py$/, "");
  if (/[\\/]lib[\\/]python\d/.test(file) || file.startsWith("<frozen ")) return "Python";
  if (/^node:|^internal[\\/]/.test(file)) return "Node.js";
  return file === "" || /^(?:java|javax|jdk|sun)\./.test(name) ? (name.split(".")[0] ?? "") : shortFile(file);
}

/** The last two parts of a path. */
export function shortFile(file: string): string {
  return file.split(/[\\/]/).slice(-2).join("/");
}
