/** A request as a line for a shell. Pure. */

/** What a POSIX shell reads as one word. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/**
 * The line that asks for an address of the service. Where it wants a token, the line takes it from the environment: the
 * page does not know it, and a line is passed on.
 */
export function curl(url: string, wantsToken: boolean): string {
  const token = wantsToken ? ' -H "Authorization: Bearer $SPANTAIL_TOKEN"' : "";
  return `curl -fsS${token} ${quoted(url)}`;
}
