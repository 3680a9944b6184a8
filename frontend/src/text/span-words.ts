/** What is known of a span beside its figures, in words. Pure. */

import { writeJson } from "../service/json";
import type { Attributes, DroppedCounts, LostContent, Source, SpanLink, SpanState } from "../service/wire";
import * as format from "./format";

/** Where a cost comes from, and what a reader should know of it; undefined where there is no cost. */
export function costSource(span: SpanState): string | undefined {
  const note = span.cost_note ? `: ${span.cost_note}` : "";
  switch (span.cost_source) {
    case "provider":
      return `told by the provider${note}`;
    case "calculated":
      return `calculated by ${priceTable(span.attributes)}${note}`;
    case "unpriced":
      return `no price${note || " is known for this call"}`;
    default:
      return undefined;
  }
}

/** What a span around LLM calls says that they cost; undefined for a call itself, and where it does not say. */
export function costAround(span: SpanState): { value: string; title: string } | undefined {
  if (span.cost_source) return undefined;
  const { "spantail.cost.note": note, ...attributes } = span.attributes ?? {};
  const { "gen_ai.usage.cost.amount": usd, "gen_ai.usage.cost.source": source } = attributes;
  if (typeof usd !== "number" || !(usd >= 0)) {
    return typeof note === "string" ? { value: `no price: ${note}`, title: "" } : undefined;
  }
  const nano = Math.round(usd * 1e9);
  const from =
    source === "provider" ? ", told by the provider" : source === "calculated" ? ", calculated" : "";
  return {
    value: `${format.money(nano)}${from}`,
    title: `${format.moneyExact(nano)}; counts in the run where no LLM call below tells its own cost`,
  };
}

/** The attribute names the table's version, with or without the table's own name. */
function priceTable(attributes: Attributes | undefined): string {
  const version = attributes?.["spantail.cost.price_version"];
  if (typeof version !== "string" || version === "") return "genai-prices";
  return /^\d/.test(version) ? `genai-prices ${version}` : version;
}

/** "12 attributes and 1 link were left out by the sender's limits". */
export function droppedWords(dropped: DroppedCounts | undefined): string | undefined {
  if (!dropped) return undefined;
  const parts = [
    dropped.attributes ? format.plural(dropped.attributes, "attribute") : "",
    dropped.events ? format.plural(dropped.events, "event") : "",
    dropped.links ? format.plural(dropped.links, "link") : "",
  ].filter(Boolean);
  return parts.length > 0 ? listed(parts) : undefined;
}

export interface LostWords {
  /** What is not here. */
  lost: string;
  /** The setting that keeps it; empty where there is none. */
  setting: string;
  /** Where it is set, and what it keeps then. */
  where: string;
}

/** Content that was not kept, one entry per setting, and per place where it would be set. */
export function lostContent(content: readonly LostContent[]): LostWords[] {
  const groups = new Map<string, LostContent[]>();
  for (const one of content) {
    const remedy = `${one.where} ${one.setting}`;
    groups.set(remedy, [...(groups.get(remedy) ?? []), one]);
  }
  return [...groups.values()].map((lost) => {
    const bytes = lost.reduce((sum, one) => sum + (one.bytes ?? 0), 0);
    const size = bytes > 0 ? `, ${format.bytes(bytes)},` : "";
    const was = lost.length === 1 ? "was" : "were";
    const names = listed(lost.map((one) => one.field));
    return {
      lost: `${names}${size} ${was} not kept.`,
      setting: lost[0]?.setting ?? "",
      where: `${lost[0]?.where === "application" ? "in the application" : "on the service"} to keep ${lost.length === 1 ? "it" : "them"}.`,
    };
  });
}

/** For an attribute that is not as it was sent: a word for its row, and a sentence for the tooltip. */
export function attributeNote(
  key: string,
  { changed, derived, sent }: Pick<SpanState, "changed" | "derived" | "sent">,
): [note: string, title: string] | undefined {
  if (changed?.includes(key)) return ["changed", "Not as it was sent: masked, or cut to the limit"];
  if (!derived?.includes(key)) return undefined;
  const before = sent && Object.hasOwn(sent, key) ? sent[key] : undefined;
  return before === undefined
    ? ["added", "Not sent: added from what the other attributes say"]
    : ["added", `Sent as ${writeJson(before)}; this is what the attributes together say`];
}

/** A clock that differs: which way, and how far. */
export function skewWords(us: number | undefined): string | undefined {
  if (!us) return undefined;
  const by = format.duration(Math.abs(us));
  return `about ${by} ${us > 0 ? "ahead of" : "behind"} the root's`;
}

/** A span's length; one below zero says what that means. */
export function lengthWords(us: number): string {
  return us < 0 ? `ends ${format.duration(-us)} before it starts` : format.duration(us);
}

/** Where a link leads; in words where its ids are not valid. */
export function linkWords(link: SpanLink): string {
  if (link.run_id) return `${link.run_id.slice(0, 8)}…${link.span_id ? ` / ${link.span_id}` : ""}`;
  const odd = link.odd_ids;
  const ids = odd !== null && typeof odd === "object" ? Object.values(odd) : [odd];
  const known = ids.filter((id) => typeof id === "string" && id !== "");
  return known.length > 0 ? known.join(" / ") : "no ids";
}

/** "my.library 1.2.0". */
export function sourceName(source: Source): string {
  return [source.name, source.version].filter(Boolean).join(" ");
}

/** W3C trace flags: the number as it is written, and what its known bits say. */
export function flagWords(flags: number): string {
  const bits: string[] = [];
  if (flags & 0x01) bits.push("sampled");
  if (flags & 0x02) bits.push("random trace id");
  // OTLP: bit 8 says whether bit 9, "the parent is in another process", is known.
  if (flags & 0x100) bits.push(flags & 0x200 ? "parent elsewhere" : "parent in the same process");
  const hex = `0x${flags.toString(16).padStart(2, "0")}`;
  return bits.length > 0 ? `${hex} (${bits.join(", ")})` : hex;
}

/** "a, b and c". */
export function listed(parts: readonly string[]): string {
  const last = parts.at(-1) ?? "";
  return parts.length > 1 ? `${parts.slice(0, -1).join(", ")} and ${last}` : last;
}
