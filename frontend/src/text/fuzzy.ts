/** Finding names by a few of their letters. Pure. */

export interface FuzzyMatch {
  /** The higher, the better. */
  readonly score: number;
  /** Where the letters stand in the text. */
  readonly at: readonly number[];
}

const WORD_START = 8;
const TOGETHER = 5;
const GAP = 0.2;
/** Letters that may stand in the middle of a word: fewer of them are in nearly every name. */
const LEAST_WITHIN = 3;

/** Whether all letters of `query` stand in `text` in their order, in any case; how well; and where. */
export function fuzzy(query: string, text: string): FuzzyMatch | null {
  const letters = query.toLowerCase().replace(/\s+/g, "");
  const lowered = text.toLowerCase();
  if (letters === "") return { score: 0, at: [] };
  const words = query.trim().toLowerCase();
  for (let from = lowered.indexOf(words); from >= 0; from = lowered.indexOf(words, from + 1)) {
    if (!isStart(text, from)) continue;
    return { score: 100 - text.length * 0.1, at: Array.from(words, (_, index) => from + index) };
  }
  let best: FuzzyMatch | null = null;
  // From each word that begins so: the first one is not always the one that is meant.
  for (let from = 0; from < text.length; from++) {
    if (lowered[from] !== letters[0] || !isStart(text, from)) continue;
    const match = follow(letters, lowered, text, from);
    if (match && (!best || match.score > best.score)) best = match;
  }
  const within = best || words.length < LEAST_WITHIN ? -1 : lowered.indexOf(words);
  if (within >= 0) return { score: -text.length * 0.1, at: Array.from(words, (_, index) => within + index) };
  return best;
}

/** Each letter follows the one before it, or begins a word: letters from anywhere would fit nearly every long name. */
function follow(letters: string, lowered: string, text: string, from: number): FuzzyMatch | null {
  const at = [from];
  let score = WORD_START;
  for (const letter of letters.slice(1)) {
    const last = at[at.length - 1] ?? 0;
    let next = last + 1;
    if (lowered[next] === letter) score += TOGETHER;
    else {
      while (next < lowered.length && !(lowered[next] === letter && isStart(text, next))) next++;
      if (next >= lowered.length) return null;
      score += WORD_START - (next - last) * GAP;
    }
    at.push(next);
  }
  return { score: score - text.length * 0.1, at };
}

/** Whether a word begins there. */
function isStart(text: string, at: number): boolean {
  if (at === 0) return true;
  const before = text[at - 1] ?? "";
  return /[^\p{L}\p{N}]/u.test(before) || (/\p{Ll}/u.test(before) && /\p{Lu}/u.test(text[at] ?? ""));
}
