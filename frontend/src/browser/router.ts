/** Addresses of the page. Pure. */

/** What the page can be: the runs, or one of the pages about the work around them. */
export const SECTIONS = ["runs", "queue", "budgets", "notices", "sessions", "spend", "compare"] as const;
export type Section = (typeof SECTIONS)[number];

/** How many parts may follow the section's name: `/sessions/{id}`, `/compare/{a}/{b}`. */
const PARTS: Readonly<Partial<Record<Section, readonly number[]>>> = { sessions: [0, 1], compare: [0, 2] };

/** Characters of a search, as the service takes them. */
const MAX_FIND = 500;

const MAX_LIST = 2_000;

/** The shapes in which a run can be read. */
const VIEWS = ["timeline", "flame", "transcript"] as const;
export type View = (typeof VIEWS)[number];

export interface Route {
  readonly section: Section;
  /** null: the newest run, or the empty state. */
  readonly runId: string | null;
  readonly spanId: string | null;
  readonly view: View;
  /** What is searched for in the run; empty for nothing. */
  readonly find: string;
  /** What follows the name of a section other than the runs. */
  readonly parts: readonly string[];
  /** The query of such a section, as it stands in the address: its filters. */
  readonly query: string;
  /** What the list of runs is narrowed to, as a query without its "?"; empty for every run. */
  readonly list: string;
  /** What stands in the address in the place of a run id, and is none. */
  readonly odd?: string;
}

export function runRoute(
  runId: string | null,
  spanId: string | null = null,
  view: View = "timeline",
  find = "",
): Route {
  return { section: "runs", runId, spanId, view, find, parts: [], query: "", list: "" };
}

export function sectionRoute(section: Section, parts: readonly string[] = [], query = ""): Route {
  return { ...runRoute(null), section, parts, query };
}

/** A path that is none of ours is the start page; one that names something else than a run says so. */
export function parse(path: string, search: string): Route {
  const [name = "", ...parts] = path.replace(/\/$/, "").split("/").slice(1);
  const section = SECTIONS.find((each) => each === name);
  if (section === undefined) return { ...runRoute(null), list: name === "" ? search.replace(/^\?/, "") : "" };
  if (section !== "runs") {
    const known = (PARTS[section] ?? [0]).includes(parts.length) && parts.every(Boolean);
    return known ? sectionRoute(section, parts.map(decoded), search.replace(/^\?/, "")) : runRoute(null);
  }
  const [named] = parts;
  if (!named || parts.length > 1) return runRoute(null);
  const id = runId(named);
  if (id === null) return { ...runRoute(null), odd: decoded(named) };
  const query = new URLSearchParams(search);
  const span = query.get("span");
  const view = VIEWS.find((each) => each === query.get("view"));
  const find = query.get("q")?.slice(0, MAX_FIND) ?? "";
  const list = query.get("list")?.slice(0, MAX_LIST) ?? "";
  return { ...runRoute(id, span && /^[0-9a-f]{16}$/.test(span) ? span : null, view, find), list };
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
  if (route.section !== "runs") {
    const path = ["", route.section, ...route.parts.map(encodeURIComponent)].join("/");
    return route.query ? `${path}?${route.query}` : path;
  }
  if (route.odd !== undefined) return `/runs/${encodeURIComponent(route.odd)}`;
  if (!route.runId) return route.list ? `/?${route.list}` : "/";
  const query = new URLSearchParams();
  if (route.view !== "timeline") query.set("view", route.view);
  if (route.spanId) query.set("span", route.spanId);
  if (route.find) query.set("q", route.find);
  if (route.list) query.set("list", route.list);
  return `/runs/${route.runId}${query.size > 0 ? `?${query}` : ""}`;
}
