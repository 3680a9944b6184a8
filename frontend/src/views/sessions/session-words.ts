/** Sessions in words. Pure. */

import { address, sectionRoute } from "../../browser/router";
import type { Message } from "../../run/conversation/model";
import { conversationOf } from "../../run/conversation/sources";
import type { SpanState } from "../../service/wire";
import type { SessionSummary } from "../../service/wire-sessions";
import { count, duration, money, moneyExact, plural, tokens } from "../../text/format";
import { when } from "../../text/when";

export function sessionHref(sessionId: string): string {
  return address(sectionRoute("sessions", [sessionId]));
}

/** "3 runs, 1 going on". */
export function runsText(session: SessionSummary): string {
  const open = session.open > 0 ? `, ${count(session.open)} going on` : "";
  return plural(session.runs, "run") + open;
}

/** "Next 100 of 250 later runs": what a click brings. */
export function moreText(hidden: number, most: number): string {
  return hidden > most ? `Next ${count(most)} of ${count(hidden)} later runs` : plural(hidden, "later run");
}

/** "$0.0123", "unpriced" where no call had a price, "–" where none was made. */
export function costText(session: SessionSummary): string {
  const { cost_nano: nano, unpriced, calls } = session;
  if (nano > 0) return `${money(nano)}${unpriced > 0 ? " +" : ""}`;
  if (unpriced > 0) return "unpriced";
  return calls > 0 ? "$0" : "–";
}

export function costTitle(session: SessionSummary): string {
  const unpriced = session.unpriced > 0 ? `, ${plural(session.unpriced, "call")} without a price` : "";
  const demo = session.demo > 0 ? `, ${plural(session.demo, "run")} on demo data` : "";
  return `${moneyExact(session.cost_nano)} in ${plural(session.calls, "call")}${unpriced}${demo}`;
}

export function tokensText({ tokens: { input, output } }: SessionSummary): string {
  return input + output === 0 ? "–" : `${tokens(input)} → ${tokens(output)}`;
}

export function lastText(session: SessionSummary, nowUs: number): string {
  return session.open > 0 ? "now" : when(session.last, nowUs);
}

/** How much time lies between the end of a run and the start of the next; empty for less than a second. */
export function pauseText(endUs: number | null | undefined, startUs: number | null | undefined): string {
  if (!endUs || !startUs || startUs - endUs < 1_000_000) return "";
  return `${duration(startUs - endUs).replace(/\.\d+ s$/, " s")} later`;
}

/** What was asked first and answered last in a run, as far as its content was kept. */
export interface Dialogue {
  readonly asked: string;
  readonly answered: string;
}

/** The calls whose spans tell how a run began and how it ended: the first one, and the last one that was answered. */
export function callsOf(spans: readonly SpanState[]): {
  first: SpanState | undefined;
  last: SpanState | undefined;
} {
  const calls = spans.filter((span) => span.kind === "llm_call");
  const first = calls.reduce<SpanState | undefined>(
    (a, b) => (a && (a.start ?? 0) <= (b.start ?? 0) ? a : b),
    undefined,
  );
  const last = calls
    .filter((span) => span.status === "ok" && span.end)
    .reduce<SpanState | undefined>((a, b) => (a && (a.end ?? 0) >= (b.end ?? 0) ? a : b), undefined);
  return { first, last };
}

export function dialogueOf(first: SpanState | undefined, last: SpanState | undefined): Dialogue {
  const asked = first && conversationOf(first)?.asked;
  const answered = last && conversationOf(last)?.answered;
  return {
    asked: said(lastOf(asked, "user", "input")),
    answered: said(lastOf(answered, "assistant", "output")),
  };
}

/** In a call of a longer talk the latest thing said is what this run is about. */
function lastOf(messages: readonly Message[] | undefined, ...roles: Message["role"][]): Message | undefined {
  return messages?.filter(({ role }) => roles.includes(role)).at(-1);
}

const LONGEST = 2_000;

function said(message: Message | undefined): string {
  const texts = message?.parts.flatMap((part) => (part.kind === "text" ? [part.text.trim()] : [])) ?? [];
  const text = texts.filter(Boolean).join("\n\n");
  return text.length > LONGEST ? `${text.slice(0, LONGEST)}…` : text;
}
