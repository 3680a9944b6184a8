/** Addresses of the page. Pure. */

export interface Route {
  /** null: the newest run, or the empty state. */
  readonly runId: string | null;
  readonly spanId: string | null;
}

/** A path that is none of ours is the start page. A dashed UUID is a run id too. */
export function parse(path: string, search: string): Route {
  const named = /^\/runs\/([0-9a-fA-F-]{32,36})\/?$/.exec(path)?.[1]?.replaceAll("-", "").toLowerCase();
  if (named?.length !== 32) return { runId: null, spanId: null };
  const span = new URLSearchParams(search).get("span");
  return { runId: named, spanId: span && /^[0-9a-f]{16}$/.test(span) ? span : null };
}

export function address(route: Route): string {
  if (!route.runId) return "/";
  return `/runs/${route.runId}${route.spanId ? `?span=${route.spanId}` : ""}`;
}
