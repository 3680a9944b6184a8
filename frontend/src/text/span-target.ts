/**
 * What a span was directed at, from the attributes of OpenTelemetry's conventions, and the name of its row with it. Pure.
 *
 * The service says it of the spans that it answers without attributes (`runs/span_target.py`); both are held to
 * `tests/golden/rules/target.json`. No query, no credentials and nothing of a statement but its
 * table are ever part of it.
 */
import type { Attributes, SpanState } from "../service/wire";
import { shownName, visible } from "./visible";

const LONGEST = 120;
const URL = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)([^?#]*)/;
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[^\s:@/?#\\[\]]+)(?::[0-9]{1,5})?$/;
/** A word in quotes may be a value: what stands before the table has none but names in double quotes. */
const TABLE =
  /^\s*(?:SELECT\s(?:[^'"]|"\w+")*?\sFROM|INSERT\s+INTO|REPLACE\s+INTO|DELETE\s+FROM|UPDATE)\s+((?:["`[]?\w+["`\]]?\.){0,2}["`[]?\w+["`\]]?)(?:[\s;,(]|$)/i;
const LONGEST_STATEMENT = 1_000;
const REQUEST = /^(?:HTTP )?([A-Z]{3,7})(?: (?:\/|https?:|\*|\{)\S*)?$/;

/** Of our own queue the name says all: that the run waits. */
const OWN_QUEUE = "spantail";

/** Of the others a name tells enough, and of calls of models their model. */
const KINDS = ["span", "tool", "queue", "retrieval"];

type Described = Pick<SpanState, "kind" | "span_kind" | "attributes">;

/** "GET api.example.com/v1/items": the name of a span with what it was directed at, where it lacks that. */
export function rowName(span: Described & Pick<SpanState, "name" | "target">): string {
  const name = shownName(span.name);
  const target = visible(targetOf(span) ?? span.target ?? "");
  if (target === "" || name.includes(target)) return name;
  const method = REQUEST.exec(name)?.[1];
  if (method) return target.startsWith(`${method} `) ? target : `${method} ${target}`;
  return target.startsWith(`${name} `) || target.endsWith(`/${name}`) ? target : `${name} ${target}`;
}

export function targetOf({ kind, span_kind, attributes }: Described): string | undefined {
  if (!attributes || !KINDS.includes(kind ?? "span")) return undefined;
  const target = directedAt(attributes, kind === "tool", span_kind === "server")
    .trim()
    .replace(/\s+/g, " ");
  if (target.length <= LONGEST) return target || undefined;
  const characters = Array.from(target);
  return characters.length > LONGEST ? `${characters.slice(0, LONGEST - 1).join("")}…` : target;
}

function directedAt(attributes: Attributes, isTool: boolean, isServer: boolean): string {
  const text = (...names: string[]): string => {
    for (const name of names) {
      const value = attributes[name];
      if (typeof value === "string" && value !== "") return value;
    }
    return "";
  };
  if (text("http.request.method", "http.method")) return requested(attributes, text, isServer);
  if (text("rpc.system.name", "rpc.system")) {
    const method = text("rpc.method");
    return method.includes("/") ? method : [text("rpc.service"), method].filter(Boolean).join("/");
  }
  const system = text("messaging.system");
  if (system === OWN_QUEUE) return "";
  if (system) {
    const to = text("messaging.destination.template", "messaging.destination.name", "messaging.destination");
    return to.includes("://") ? partsOf(to).join("") : to;
  }
  if (text("db.system.name", "db.system")) {
    const tables = ["db.sql.table", "db.mongodb.collection", "db.cassandra.table"];
    const known = text("db.query.summary", "db.collection.name", ...tables);
    const [, table = ""] =
      TABLE.exec(text("db.query.text", "db.statement").slice(0, LONGEST_STATEMENT)) ?? [];
    return known || table.replace(/["`[\]]/g, "") || text("db.namespace", "db.name").replace(/^\d+$/, "");
  }
  const operation = text("gen_ai.operation.name");
  if (isTool || operation === "execute_tool") return text("gen_ai.tool.name");
  return operation === "invoke_agent" || operation === "create_agent" ? text("gen_ai.agent.name") : "";
}

function requested(attributes: Attributes, text: (...names: string[]) => string, isServer: boolean): string {
  let [hostOfUrl, pathOfUrl] = partsOf(text("url.full", "http.url"));
  let path = pathOnly(text("url.template", "http.route", "url.path", "http.target") || pathOfUrl);
  if (path.includes("://")) [hostOfUrl, path] = partsOf(path);
  const host = isServer ? "" : hostOf(attributes, text) || hostOfUrl;
  return host + (path.startsWith("/") || !host || !path ? path : `/${path}`);
}

function hostOf(attributes: Attributes, text: (...names: string[]) => string): string {
  let host = text("server.address", "net.peer.name", "http.host");
  host = host.slice(host.lastIndexOf("@") + 1);
  if (host.split(":").length > 2 && !host.startsWith("[")) host = `[${host}]`;
  const port = attributes["server.port"] ?? attributes["net.peer.port"];
  if (typeof port === "number" && port !== 80 && port !== 443 && !/:\d+$/.test(host)) host += `:${port}`;
  return HOST.test(host) ? host : "";
}

/** Host and path of an address; empty where it is none, or where a part of a password may stand in either. */
function partsOf(url: string): [host: string, path: string] {
  const [, place = "", rest = ""] = URL.exec(url) ?? [];
  const at = place.lastIndexOf("@");
  const host = place.slice(at + 1);
  const isOdd = !HOST.test(host) || (at < 1 && host.includes(":") && rest.includes("@"));
  return isOdd ? ["", ""] : [host, pathOnly(rest)];
}

function pathOnly(path: string): string {
  return path.replace(/[?#;].*$/s, "");
}
