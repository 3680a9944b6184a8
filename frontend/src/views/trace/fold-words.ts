/** What is not here of a large run, in words. */
import type { Folded } from "../../service/wire";
import { count, plural } from "../../text/format";

/** "24,310 more spans". */
export function foldWords(folded: Folded | undefined): string {
  if (!folded) return "";
  return folded.spans === 1 ? "1 more span" : `${count(folded.spans)} more spans`;
}

/** "3 errors · 1 running": what of them is worth a look. */
export function foldNote(folded: Folded): string {
  const parts = [];
  if (folded.errors > 0) parts.push(plural(folded.errors, "error"));
  if (folded.running > 0) parts.push(`${count(folded.running)} running`);
  return parts.join(" · ");
}
