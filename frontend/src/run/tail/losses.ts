/** What is missing of a run: how much, where it went, why, and what helps. Pure. */
import type { Marks } from "../../service/wire";
import { count, plural } from "../../text/format";

export interface Loss {
  readonly reason: string;
  /** Events; null where nobody can know how many. */
  readonly events: number | null;
  /** Where they went: "in the application's queue". */
  readonly where: string;
  readonly why: string;
  /** What to do so that it does not happen again; empty where nothing is known to help. */
  readonly remedy: string;
}

type Words = Pick<Loss, "where" | "why" | "remedy">;

const REASONS: Readonly<Record<string, Words>> = {
  queue_full: {
    where: "in the application's queue",
    why: "Spans were made faster than one process can send them.",
    remedy: "Make fewer spans, or spread the work over several processes: each has a queue of its own.",
  },
  spool_full: {
    where: "in the application's buffer on disk",
    why: "Redis was away for longer than the buffer could hold.",
    remedy: "Keep Redis up, or raise SPANTAIL_SPOOL_MAX_BYTES in the application.",
  },
  encode_error: {
    where: "in the application, before they were sent",
    why: "A value could not be written as JSON.",
    remedy: "The application's log names its type: convert it before it becomes an attribute.",
  },
  too_large: {
    where: "in the application, before they were sent",
    why: "They were larger than an event may be.",
    remedy: "Put less into one span; SPANTAIL_MAX_VALUE_BYTES cuts long values.",
  },
  refused: {
    where: "on the way to Redis",
    why: "Redis refused them.",
    remedy: "The application's log has Redis' answer.",
  },
  open_cap: {
    where: "in the application",
    why: "More spans were open at once than are followed. Each is shown when it ends.",
    remedy: "End spans that are left open, or spread the work over several processes.",
  },
  run_cap: {
    where: "at the run's limit",
    why: "The run has more spans than are kept of one run.",
    remedy: "Raise SPANTAIL_RUN_MAX_SPANS in every process that writes, or split the run.",
  },
  redis_lost: {
    where: "in Redis",
    why: "Redis had confirmed them, and lost them: it was restarted, replaced or short of memory.",
    remedy: "Let Redis keep its data (appendonly yes) and evict nothing (maxmemory-policy noeviction).",
  },
};

const UNKNOWN: Words = { where: "on their way", why: "The sender names this reason alone.", remedy: "" };

/** The most first; what nobody can count comes last. */
export function losses(dropped: Readonly<Record<string, number>>, marks: Readonly<Marks>): Loss[] {
  const list = Object.entries(dropped)
    .filter(([, events]) => events > 0)
    .sort(([, a], [, b]) => b - a)
    .map(([reason, events]): Loss => {
      const words = Object.hasOwn(REASONS, reason) ? REASONS[reason] : undefined;
      return { reason, events, ...(words ?? UNKNOWN) };
    });
  if (marks.maybe_incomplete)
    list.push({
      reason: "maybe_incomplete",
      events: null,
      where: "in a process that died",
      why: "What it did in its last 100 ms may be missing.",
      remedy: "Let processes end by themselves or by SIGTERM: then they send what they have.",
    });
  return list;
}

/** One line for all of them; empty where nothing is missing. */
export function lossText(list: readonly Loss[]): string {
  const [first] = list;
  if (!first) return "";
  const events = list.reduce((sum, loss) => sum + (loss.events ?? 0), 0);
  if (events === 0) return "Something may be missing: a process of this run died";
  const counted = list.filter((loss) => loss.events);
  const most = counted.length > 1 ? `most of them (${count(first.events ?? 0)})` : "lost";
  const verb = events === 1 ? "is" : "are";
  return `${plural(events, "event")} of this run ${verb} missing, ${most} ${first.where}`;
}
