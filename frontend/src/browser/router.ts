/** Addresses of the page. Pure. */

/** What the page can be: the runs, or one of the pages about the work around them. */
export const SECTIONS = ["runs", "queue", "budgets", "notices"] as const;
export type Section = (typeof SECTIONS)[number];

export interface Route {
  readonly section: Section;
  /** null: the newest run, or the empty state. */
  readonly runId: string | null;
  readonly spanId: string | null;
}

export function runRoute(runId: string | null, spanId: string | null = null): Route {
  return { section: "runs", runId, spanId };
}

/** A path that is none of ours is the start page. A dashed UUID is a run id too. */
export function parse(path: string, search: string): Route {
  const name = /^\/([a-z]+)\/?$/.exec(path)?.[1];
  const section = SECTIONS.find((each) => each === name);
  if (section && section !== "runs") return { section, runId: null, spanId: null };
  const named = /^\/runs\/([0-9a-fA-F-]{32,36})\/?$/.exec(path)?.[1]?.replaceAll("-", "").toLowerCase();
  if (named?.length !== 32) return runRoute(null);
  const span = new URLSearchParams(search).get("span");
  return runRoute(named, span && /^[0-9a-f]{16}$/.test(span) ? span : null);
}

export function address(route: Route): string {
  if (route.section !== "runs") return `/${route.section}`;
  if (!route.runId) return "/";
  return `/runs/${route.runId}${route.spanId ? `?span=${route.spanId}` : ""}`;
}
