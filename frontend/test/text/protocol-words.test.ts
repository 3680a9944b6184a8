import { expect, it } from "vitest";
import type { Attributes } from "../../src/service/wire";
import { protocolFields } from "../../src/text/protocol-words";

it.each<[string, Attributes, string[]]>([
  [
    "an HTTP request, conventions 1.23",
    {
      "http.request.method": "GET",
      "http.route": "/sell/:what",
      "http.response.status_code": 404,
      "url.path": "/sell/tea",
      "url.query": "?how=now",
      "server.address": "shop",
      "server.port": 8080,
    },
    ["Request: GET /sell/tea?how=now", "Route: /sell/:what", "Response: 404", "Host: shop:8080"],
  ],
  [
    "an HTTP request, conventions before",
    {
      "http.method": "POST",
      "http.url": "http://shop/sell",
      "http.status_code": 200,
      "net.peer.name": "shop",
    },
    ["Request: POST http://shop/sell", "Response: 200", "Host: shop"],
  ],
  [
    "a database",
    { "db.system": "postgresql", "db.name": "shop", "db.statement": "select 1", "net.peer.name": "db" },
    ["Database: postgresql · shop", "Statement: select 1", "Host: db"],
  ],
  [
    "a queue",
    { "messaging.system": "kafka", "messaging.destination.name": "orders" },
    ["Queue: kafka · orders"],
  ],
  [
    "a remote call",
    { "rpc.system": "grpc", "rpc.service": "shop.Orders", "rpc.method": "Place" },
    ["Remote call: grpc · shop.Orders/Place"],
  ],
  ["nothing of the kind", { "server.address": "shop", customer: "Ada" }, []],
])("%s is told in words", (_, attributes, expected) => {
  expect(protocolFields(attributes).map(({ name, value }) => `${name}: ${value}`)).toEqual(expected);
});
