/** What a span of HTTP, a database, a queue or a remote call did, in words, from the names of the conventions old and new. Pure. */
import type { Attributes } from "../service/wire";

export interface ProtocolField {
  readonly name: string;
  readonly value: string;
  readonly isCode: boolean;
}

export function protocolFields(attributes: Attributes): ProtocolField[] {
  const fields: ProtocolField[] = [];
  const add = (name: string, value: string, isCode = false) => {
    if (value) fields.push({ name, value, isCode });
  };
  const text = (...names: string[]) => textOf(attributes, names);
  const method = text("http.request.method", "http.method");
  if (method) {
    const url = text("url.full", "http.url");
    const path = [text("url.path", "http.target"), text("url.query").replace(/^\?/, "")]
      .filter(Boolean)
      .join("?");
    add("Request", `${method} ${url || path || text("http.route")}`.trim(), true);
    add("Route", text("http.route"), true);
  }
  add("Response", text("http.response.status_code", "http.status_code"));
  const system = text("db.system.name", "db.system");
  if (system) {
    const place = text("db.namespace", "db.name", "db.collection.name", "db.sql.table");
    add("Database", [system, place].filter(Boolean).join(" · "));
    add("Statement", text("db.query.text", "db.statement", "db.operation.name", "db.operation"), true);
  }
  const queue = text("messaging.system");
  if (queue) {
    const place = text("messaging.destination.name", "messaging.destination");
    add("Queue", [queue, place].filter(Boolean).join(" · "));
  }
  const rpc = text("rpc.system.name", "rpc.system");
  if (rpc) {
    const called = [text("rpc.service"), text("rpc.method")].filter(Boolean).join("/");
    add("Remote call", [rpc, called].filter(Boolean).join(" · "));
  }
  if (fields.length > 0) add("Host", hostOf(attributes), true);
  return fields;
}

/** A span with a server's own address says by it where it is; one of a client, whom it asked. */
function hostOf(attributes: Attributes): string {
  const text = (...names: string[]) => textOf(attributes, names);
  const whole = text("http.host");
  const host = text(
    "server.address",
    "net.peer.name",
    "net.host.name",
    "http.server_name",
    "network.peer.address",
  );
  if (!host) return whole;
  const port = text("server.port", "net.peer.port", "net.host.port");
  return port ? `${host}:${port}` : host;
}

function textOf(attributes: Attributes, names: readonly string[]): string {
  for (const name of names) {
    const value = attributes[name];
    if (typeof value === "string" && value !== "") return value;
    if (typeof value === "number") return String(value);
  }
  return "";
}
