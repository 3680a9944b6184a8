/** What differs between two texts, by line, and within lines that stand for each other by word. Pure. */

export type EditKind = "same" | "removed" | "added";

export interface Part {
  readonly text: string;
  /** It is what differs within its line. */
  readonly changed: boolean;
}

export interface DiffLine {
  readonly kind: EditKind;
  readonly parts: readonly Part[];
}

interface Edit {
  readonly kind: EditKind;
  readonly items: readonly string[];
}

/** Texts that differ in more lines than this are shown as replaced from where they begin to differ. */
const MOST_EDITS = 600;
/** A longer line is not looked at word by word. */
const LONGEST_LINE = 4_000;
const WORDS = /\s+|[\p{L}\p{N}_]+|[^\s\p{L}\p{N}_]/gu;

/** The lines of both texts in one list. */
export function diffLines(a: string, b: string): DiffLine[] {
  const lines: DiffLine[] = [];
  const found = edits(a.split("\n"), b.split("\n"));
  for (let at = 0; at < found.length; at++) {
    const edit = found[at] as Edit;
    const next = found[at + 1];
    if (edit.kind === "removed" && next?.kind === "added") {
      lines.push(...replaced(edit.items, next.items));
      at++;
    } else for (const text of edit.items) lines.push({ kind: edit.kind, parts: [{ text, changed: false }] });
  }
  return lines;
}

/** Lines that were replaced by others: those in the same place are compared word by word. */
function replaced(removed: readonly string[], added: readonly string[]): DiffLine[] {
  const before: DiffLine[] = [];
  const after: DiffLine[] = [];
  const pairs = removed.length === added.length ? removed.length : 0;
  removed.forEach((text, at) => {
    const [left, right] = at < pairs ? words(text, added[at] ?? "") : [plain(text), []];
    before.push({ kind: "removed", parts: left });
    if (at < pairs) after.push({ kind: "added", parts: right });
  });
  if (pairs === 0) for (const text of added) after.push({ kind: "added", parts: plain(text) });
  return [...before, ...after];
}

function plain(text: string): Part[] {
  return [{ text, changed: false }];
}

function words(a: string, b: string): [Part[], Part[]] {
  if (a.length > LONGEST_LINE || b.length > LONGEST_LINE) return [plain(a), plain(b)];
  const found = edits(a.match(WORDS) ?? [], b.match(WORDS) ?? []);
  const kept = found.filter(({ kind }) => kind === "same").reduce((sum, { items }) => sum + joined(items), 0);
  // Lines that have next to nothing in common are two lines.
  if (kept * 4 < Math.min(a.length, b.length)) return [plain(a), plain(b)];
  const side = (kind: EditKind): Part[] =>
    found
      .filter((edit) => edit.kind === kind || edit.kind === "same")
      .map((edit) => ({ text: edit.items.join(""), changed: edit.kind === kind }));
  return [side("removed"), side("added")];
}

function joined(items: readonly string[]): number {
  return items.reduce((sum, item) => sum + item.length, 0);
}

/** The shortest way from one list to the other (Myers), after what both begin and end with. */
export function edits(a: readonly string[], b: readonly string[]): Edit[] {
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  const room = Math.min(a.length, b.length) - head;
  while (tail < room && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const left = a.slice(head, a.length - tail);
  const right = b.slice(head, b.length - tail);
  const found: Edit[] = [
    { kind: "same", items: a.slice(0, head) },
    ...middle(left, right),
    { kind: "same", items: a.slice(a.length - tail) },
  ];
  return found.filter(({ items }) => items.length > 0);
}

function middle(a: readonly string[], b: readonly string[]): Edit[] {
  const steps = a.length > 0 && b.length > 0 ? furthest(a, b) : null;
  if (!steps)
    return [
      { kind: "removed", items: a },
      { kind: "added", items: b },
    ];
  return walk(a, b, steps);
}

/** For each number of edits how far they lead on each diagonal; null where it takes too many. */
function furthest(a: readonly string[], b: readonly string[]): Int32Array[] | null {
  const most = Math.min(MOST_EDITS, a.length + b.length);
  let reach = new Int32Array(2 * most + 3);
  const steps: Int32Array[] = [];
  for (let d = 0; d <= most; d++) {
    steps.push(reach.slice());
    reach = reach.slice();
    for (let k = -d; k <= d; k += 2) {
      const at = k + most + 1;
      const down = k === -d || (k !== d && (reach[at - 1] ?? 0) < (reach[at + 1] ?? 0));
      let x = down ? (reach[at + 1] ?? 0) : (reach[at - 1] ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach[at] = x;
      if (x >= a.length && x - k >= b.length) return steps;
    }
  }
  return null;
}

/** From the end back to the start, along the steps that led there. */
function walk(a: readonly string[], b: readonly string[], steps: readonly Int32Array[]): Edit[] {
  const most = ((steps[0]?.length ?? 3) - 3) / 2;
  const back: [EditKind, string][] = [];
  let x = a.length;
  let y = b.length;
  for (let d = steps.length - 1; d >= 0; d--) {
    const reach = steps[d] as Int32Array;
    const k = x - y;
    const at = k + most + 1;
    const down = k === -d || (k !== d && (reach[at - 1] ?? 0) < (reach[at + 1] ?? 0));
    const fromX = d === 0 ? 0 : down ? (reach[at + 1] ?? 0) : (reach[at - 1] ?? 0);
    const fromY = d === 0 ? 0 : fromX - (down ? k + 1 : k - 1);
    while (x > fromX && y > fromY && a[x - 1] === b[y - 1]) {
      back.push(["same", a[x - 1] ?? ""]);
      x--;
      y--;
    }
    if (d === 0) break;
    if (down) back.push(["added", b[--y] ?? ""]);
    else back.push(["removed", a[--x] ?? ""]);
  }
  return grouped(back.reverse());
}

/** Neighbours of one kind together; of what was replaced the old before the new. */
function grouped(items: readonly [EditKind, string][]): Edit[] {
  const found: Edit[] = [];
  let removed: string[] = [];
  let added: string[] = [];
  let same: string[] = [];
  const flush = (): void => {
    if (removed.length > 0) found.push({ kind: "removed", items: removed });
    if (added.length > 0) found.push({ kind: "added", items: added });
    removed = [];
    added = [];
  };
  for (const [kind, text] of items) {
    if (kind === "same") {
      flush();
      same.push(text);
      continue;
    }
    if (same.length > 0) found.push({ kind: "same", items: same });
    same = [];
    (kind === "removed" ? removed : added).push(text);
  }
  flush();
  if (same.length > 0) found.push({ kind: "same", items: same });
  return found;
}

/** Runs of equal lines are shortened to those around what differs; `skipped` says how many are not shown. */
export function withContext(
  lines: readonly DiffLine[],
  around = 2,
): (DiffLine | { readonly skipped: number })[] {
  const near = new Set<number>();
  lines.forEach(({ kind }, at) => {
    if (kind !== "same") for (let i = at - around; i <= at + around; i++) near.add(i);
  });
  const shown: (DiffLine | { readonly skipped: number })[] = [];
  let skipped = 0;
  lines.forEach((line, at) => {
    if (!near.has(at)) {
      skipped++;
      return;
    }
    if (skipped > 0) shown.push({ skipped });
    skipped = 0;
    shown.push(line);
  });
  if (skipped > 0) shown.push({ skipped });
  return shown;
}
