/** Answers that are asked for while the page's own code is still on its way, and that it then takes. */
import { parse } from "../browser/router";

/** Spans of a run that is taken whole; of a larger one its first part comes. */
const WHOLE_UP_TO = 20_000;
/** What the list of runs asks for first, unless the address narrows it. */
const NEWEST_RUNS = "/api/runs?limit=50";

interface EarlyAnswer {
  readonly askedAt: number;
  readonly response: Promise<Response>;
  readonly abort: AbortController;
}

const asked = new Map<string, EarlyAnswer>();

/** The whole run, or of one that is too large the first part of it. */
export function openingUrl(runId: string): string {
  return `/api/traces/${runId}?fields=tree&whole_up_to=${WHOLE_UP_TO}`;
}

function ask(url: string): void {
  const abort = new AbortController();
  const headers = { accept: "application/json" };
  const response = fetch(url, { headers, cache: "no-store", signal: abort.signal });
  // Whoever takes the answer sees what went wrong; it may be that nobody does.
  response.catch(() => {});
  asked.set(url, { askedAt: Date.now(), response, abort });
}

/** The answer to what was asked early; each one is given once, and an end of `signal` ends it. */
export function takeEarly(url: string, signal: AbortSignal): EarlyAnswer | undefined {
  const early = asked.get(url);
  if (!early) return undefined;
  asked.delete(url);
  signal.addEventListener("abort", () => early.abort.abort(signal.reason));
  return early;
}

/** Asks for what the page at this address shows first. */
export function askEarly(path: string, search: string): void {
  const { section, runId, odd } = parse(path, search);
  if (runId !== null) ask(openingUrl(runId));
  else if (section === "runs" && odd === undefined && search === "") ask(NEWEST_RUNS);
}
