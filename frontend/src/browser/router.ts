/** Addresses of the page. Pure. */

/** What the page can be: the runs, or one of the pages about the work around them. */
export const SECTIONS = ["runs", "queue", "budgets", "notices"] as const;
export type Section = (typeof SECTIONS)[number];

export interface Route {
  readonly section: Section;
  /** null: the newest run, or the empty state. */
  readonly runId: string | null;
  readonly spanId: string | null;
  /** What stands in the address in the place of a run id, and is none. */
  readonly odd?: string;
}

export function runRoute(runId: string | null, spanId: string | null = null): Route {
  return { section: "runs", runId, spanId };
}

/** A path that is none of ours is the start page; one that names something else than a run says so. */
export function parse(path: string, search: string): Route {
  const name = /^\/([a-z]+)\/?$/.exec(path)?.[1];
  const section = SECTIONS.find((each) => each === name);
  if (section && section !== "runs") return { section, runId: null, spanId: null };
  const named = /^\/runs\/([^/]+)\/?$/.exec(path)?.[1];
  if (named === undefined) return runRoute(null);
  const id = runId(named);
  if (id === null) return { ...runRoute(null), odd: decoded(named) };
  const span = new URLSearchParams(search).get("span");
  return runRoute(id, span && /^[0-9a-f]{16}$/.test(span) ? span : null);
}

/** 32 hex digits; a dashed UUID is a run id too. */
function runId(text: string): string | null {
  const digits = text.replaceAll("-", "").toLowerCase();
  return /^[0-9a-f]{32}$/.test(digits) && text.length <= 36 ? digits : null;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function address(route: Route): string {
  if (route.section !== "runs") return `/${route.section}`;
  if (route.odd !== undefined) return `/runs/${encodeURIComponent(route.odd)}`;
  if (!route.runId) return "/";
  return `/runs/${route.runId}${route.spanId ? `?span=${route.spanId}` : ""}`;
}
