/** Whether the service has another page by now: it was updated while this one was left open. */

const SCRIPT = /\/assets\/index-[\w-]+\.js/;

/** The script that a page loads, which has another name with each build; undefined where it is none of ours. */
export function scriptOf(html: string): string | undefined {
  return SCRIPT.exec(html)?.[0];
}

/** False also where that cannot be found out. */
export async function isOutdated(): Promise<boolean> {
  const own = [...document.scripts].map(({ src }) => scriptOf(src)).find(Boolean);
  if (own === undefined) return false;
  try {
    const answer = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(10_000) });
    const now = answer.ok ? scriptOf(await answer.text()) : undefined;
    return now !== undefined && now !== own;
  } catch {
    return false;
  }
}
