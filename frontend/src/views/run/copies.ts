/** What can be copied of a run and of a span, for the run's menu and the command palette. */
import { copyText } from "../../browser/dom";
import { address, type Route, runRoute } from "../../browser/router";
import { say } from "../../browser/toast";
import { type Api, ProblemError } from "../../service/api";
import { curl } from "../../text/curl";

export interface Copy {
  readonly title: string;
  readonly icon: string;
  run(): void;
}

export interface CopyContext {
  readonly api: Pick<Api, "text">;
  /** The service wants a token. */
  readonly wantsToken: boolean;
}

/** Characters that a clipboard takes without the page standing still. */
const MOST_COPIED = 30_000_000;

export function runCopies(context: CopyContext, runId: string): Copy[] {
  const whole = `/api/traces/${runId}`;
  return [
    copy("Copy the run's link", "link", () => linkTo(runRoute(runId))),
    copy("Copy the run as cURL", "terminal", () => curl(`${location.origin}${whole}`, context.wantsToken)),
    copy("Copy the run as JSON", "copy", () => context.api.text(whole)),
    copy("Copy the run as OTLP", "copy", () => context.api.text(`/api/runs/${runId}/export?format=otlp`)),
  ];
}

export function spanCopies(context: CopyContext, runId: string, spanId: string): Copy[] {
  const whole = `/api/traces/${runId}/spans/${spanId}`;
  const otlp = `/api/runs/${runId}/export?format=otlp&span=${spanId}`;
  return [
    copy("Copy the span's link", "link", () => linkTo(runRoute(runId, spanId))),
    copy("Copy the span as cURL", "terminal", () => curl(`${location.origin}${whole}`, context.wantsToken)),
    copy("Copy the span as JSON", "copy", () => context.api.text(whole)),
    copy("Copy the span as OTLP", "copy", async () => ended(await context.api.text(otlp))),
  ];
}

/** A link to what is on the screen: run, span, view and search. */
export function viewCopy(): Copy {
  return copy("Copy the link to this view", "link", () => location.href);
}

function linkTo(route: Route): string {
  return `${location.origin}${address(route)}`;
}

/** OTLP has finished spans only. */
function ended(otlp: string): string {
  if (otlp.includes('"spanId"')) return otlp;
  throw new ProblemError(409, { detail: "The span has not ended yet: OTLP has finished spans only." });
}

function copy(title: string, icon: string, text: () => string | Promise<string>): Copy {
  return { title, icon, run: () => void copied(title, text) };
}

async function copied(title: string, text: () => string | Promise<string>): Promise<void> {
  const what = title.replace(/^Copy /, "");
  try {
    const done = await intoClipboard(text());
    say(done ? `Copied ${what}` : "The browser does not allow to copy");
  } catch (error) {
    say(error instanceof ProblemError ? error.message : "The service cannot be reached");
  }
}

async function intoClipboard(text: string | Promise<string>): Promise<boolean> {
  if (typeof text === "string") return copyText(text);
  const bounded = text.then((whole) => {
    if (whole.length > MOST_COPIED)
      throw new ProblemError(413, { detail: "Too large to be copied: download it" });
    return whole;
  });
  try {
    // Given as a promise: where the answer takes long, the click would count no more.
    const blob = bounded.then((whole) => new Blob([whole], { type: "text/plain" }));
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    return true;
  } catch {
    return copyText(await bounded);
  }
}
