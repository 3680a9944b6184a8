/** What a search has found, in words. */
import { h } from "../../browser/dom";
import type { Found, RunFind } from "../../run/find/find";
import type { SearchMatch } from "../../service/wire";
import { count } from "../../text/format";
import { visible } from "../../text/visible";

/** "3 of 17". */
export function countText(find: RunFind, at: number): string {
  const { hits, searching, problem, whole } = find;
  if (problem) return problem;
  const total = `${whole || searching ? "" : "at least "}${count(find.total)}${searching ? " …" : ""}`;
  if (hits.length === 0) return searching ? "Searching…" : whole ? "No match" : "No match so far";
  return at < 0 ? `${total} found` : `${count(at + 1)} of ${total}`;
}

/** What the count does not say; null for nothing. */
export function looseText({ loose, whole, searching, problem }: RunFind): string | null {
  const parts: string[] = [];
  if (loose > 0) parts.push(`Beside them ${count(loose)} log lines of no span`);
  if (!whole && !searching && !problem) parts.push("The run is too large to be searched whole");
  return parts.join("\n") || null;
}

/** The place of a hit that its row does not show. */
export function hiddenMatch(hit: Found | undefined): SearchMatch | undefined {
  return hit?.matches.find(({ field }) => !["name", "status", "kind", "is", "backend"].includes(field));
}

export function excerpt({ field, before, match, after }: SearchMatch): Node[] {
  const text = (part: string) => visible(part.replace(/\s+/g, " "));
  const name = field.replace(/^attributes\./, "");
  return [
    h("span", { class: "find-field-name" }, visible(name)),
    document.createTextNode(` ${text(before.slice(-24))}`),
    h("mark", {}, text(match)),
    document.createTextNode(text(after)),
  ];
}
