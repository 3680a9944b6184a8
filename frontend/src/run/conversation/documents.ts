/** What a search was asked and which documents it found, as each library tells it. Pure. */
import type { Attributes, AttributeValue } from "../../service/wire";
import { nested } from "./messages";
import {
  type Conversation,
  type DocumentPart,
  type Fields,
  fieldOf,
  isFields,
  type Part,
  textOf,
} from "./model";
import { ANSWERED, ASKED, first, IN, OUT, pick } from "./names";
import { opened } from "./parts";

const QUERIES = ["gen_ai.retrieval.query.text", "db.query.text", ...ASKED, ...IN];
const FOUND = ["gen_ai.retrieval.documents", ...ANSWERED, ...OUT];
/** OpenInference has an attribute for each field of a document. */
const FLAT = "retrieval.documents.";

export function documentConversation(attributes: Attributes): Conversation | null {
  const asked = first(attributes, QUERIES, "input").map((one) => ({ ...one, role: "input" as const }));
  const parts = foundIn(attributes);
  const answered =
    parts.length > 0
      ? [{ role: "output" as const, name: "", parts, finish: "" }]
      : first(attributes, FOUND, "output");
  return asked.length + answered.length > 0 ? { asked, answered, tools: [] } : null;
}

function foundIn(attributes: Attributes): Part[] {
  const listed = documentsOf(pick(attributes, FOUND));
  if (listed.length > 0) return listed;
  const flat = Object.entries(attributes)
    .filter(([key]) => key.startsWith(FLAT))
    .map(([key, value]) => [`list.${key.slice(FLAT.length)}`, value]);
  return flat.length > 0 ? documentsOf(nested(Object.fromEntries(flat)).list) : [];
}

/** Nothing where one of them is no document: then all is shown as it came. */
function documentsOf(value: AttributeValue | undefined): DocumentPart[] {
  const seen = opened(value ?? null);
  const within = isFields(seen)
    ? opened(fieldOf(seen, "documents", "nodes", "results", "matches", "hits") ?? null)
    : seen;
  if (!Array.isArray(within)) return [];
  const found = within.map((each) => documentOf(opened(each)));
  return found.every((each) => each !== null) ? found : [];
}

function documentOf(value: AttributeValue): DocumentPart | null {
  if (!isFields(value)) return null;
  const inner = fieldOf(value, "document", "node");
  const fields: Fields = isFields(inner) ? { ...value, ...inner } : value;
  const text = textOf(fields, "page_content", "content", "text", "page", "chunk");
  const own = opened(fieldOf(fields, "metadata", "meta", "payload") ?? null);
  const metadata = isFields(own) ? own : {};
  const title =
    textOf(fields, "title", "name") ||
    textOf(metadata, "title", "source", "file_name", "url") ||
    textOf(fields, "id");
  if (text === "" && title === "") return null;
  const score = fieldOf(fields, "score", "similarity", "distance", "relevance_score");
  return {
    kind: "document",
    title,
    text,
    ...(typeof score === "number" ? { score } : {}),
    details: Object.keys(metadata).length > 0 ? metadata : null,
  };
}

/** The query in one text, where it is one. */
export function queryOf(conversation: Conversation): string {
  const parts = conversation.asked.flatMap((one) => one.parts);
  return parts
    .map((part) => (part.kind === "text" ? part.text : ""))
    .join(" ")
    .trim();
}
