import { BIN_CLASSES, type BinnedBar } from "./minimap-bins";

const LETTERS = "oplfre";

/** Lanes as the service writes them: a letter for each step of time. */
export function letters(bars: readonly BinnedBar[], width: number, lanes: number): string[] {
  const found = Array.from({ length: lanes }, () => Array.from({ length: width }, () => " "));
  for (const { lane, from, to, of } of bars)
    found[lane]?.fill(LETTERS[BIN_CLASSES.indexOf(of)] ?? " ", from, to);
  return found.map((each) => each.join(""));
}
