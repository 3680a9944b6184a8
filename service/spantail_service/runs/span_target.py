"""What a span was directed at, from the attributes of OpenTelemetry's conventions: `api.example.com/v1/items`. Pure.

A tree is read without attributes, so its rows would all read `GET`. The page has the same rule for spans that it hears
of by their events (`frontend/src/text/span-target.ts`); both are held to `tests/golden/rules/target.json`. No query, no
credentials and nothing of a statement but the name of its table are ever part of it: these may hold secrets that nobody
expects in a list.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping

LONGEST: Final = 120
"""Characters of a target."""

_KINDS: Final = ("span", "tool", "queue", "retrieval")
_KIND: Final = b',"kind":"'
_KINDS_AS_TEXT: Final = frozenset(kind[:4].encode() for kind in _KINDS)
_ATTRIBUTES: Final = b',"attributes":'
_HINT: Final = re.compile(rb'"(?:http\.|db\.|rpc\.|messaging\.|gen_ai\.(?:tool|agent)\.name")')
_OWN_QUEUE: Final = "spantail"  # its name says all: that the run waits
_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://([^/?#]*)([^?#]*)")
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:@/?#\\\[\]]+)(?::[0-9]{1,5})?")
# A word in quotes may be a value: what stands before the table has none but names in double quotes.
_TABLE: Final = re.compile(
    r"""\s*(?:SELECT\s(?:[^'"]|"\w+")*?\sFROM|INSERT\s+INTO|REPLACE\s+INTO|DELETE\s+FROM|UPDATE)\s+"""
    r"""((?:["`\[]?\w+["`\]]?\.){0,2}["`\[]?\w+["`\]]?)(?:[\s;,(]|$)""",
    re.IGNORECASE | re.ASCII,
)
_LONGEST_STATEMENT: Final = 1_000
_PATH_END: Final = re.compile(r"[?#;]")
_USUAL_PORTS: Final = (80, 443)


def with_target(state: bytes, at: int) -> bytes:
    """A state without its flat attributes, which begin at `at` and are the last but for what goes with them.

    Where they tell one, `target` stands in their place. Most spans are of no such kind: text is looked at in a fraction
    of the time that it takes to parse it.
    """
    kind_at = state.find(_KIND, 0, at) + len(_KIND)
    if state[kind_at : kind_at + 4] in _KINDS_AS_TEXT and _HINT.search(state, at) is not None:
        head, start = state[:at], at + len(_ATTRIBUTES)
        target = target_of(
            "tool" if state.startswith(b"tool", kind_at) else None,
            "server" if b',"span_kind":"server"' in head else None,
            orjson.loads(state[start : state.index(b"}", start) + 1]),
        )
        if target is not None:
            return b'%b,"target":%b}' % (head, orjson.dumps(target))
    return state[:at] + b"}"


def target_of(kind: str | None, span_kind: str | None, attributes: Mapping[str, Any]) -> str | None:
    """What a span was directed at; None where its attributes do not say, and of what is told by more than a name."""
    if kind is not None and kind not in _KINDS:
        return None
    operation = _text(attributes, "gen_ai.operation.name")
    target = ""
    if _text(attributes, "http.request.method", "http.method"):
        target = _http(attributes, is_server=span_kind == "server")
    elif _text(attributes, "rpc.system.name", "rpc.system"):
        service, method = _text(attributes, "rpc.service"), _text(attributes, "rpc.method")
        target = method if "/" in method else "/".join(filter(None, (service, method)))
    elif (system := _text(attributes, "messaging.system")) and system != _OWN_QUEUE:
        target = _text(
            attributes, "messaging.destination.template", "messaging.destination.name", "messaging.destination"
        )
        if "://" in target:
            target = "".join(_parts(target))
    elif _text(attributes, "db.system.name", "db.system"):
        target = _database(attributes)
    elif kind == "tool" or operation == "execute_tool":
        target = _text(attributes, "gen_ai.tool.name")
    elif operation in ("invoke_agent", "create_agent"):
        target = _text(attributes, "gen_ai.agent.name")
    target = " ".join(target.split())
    if len(target) > LONGEST:
        target = target[: LONGEST - 1] + "…"
    return target or None


def _text(attributes: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = attributes.get(name)
        if value and isinstance(value, str):
            return value
    return ""


def _http(attributes: Mapping[str, Any], *, is_server: bool) -> str:
    path = _text(attributes, "url.template", "http.route", "url.path", "http.target")
    if path:
        path = _PATH_END.split(path, maxsplit=1)[0]
    host = "" if is_server else _host(attributes)
    if not path or not (host or is_server):
        host_of_url, path_of_url = _parts(_text(attributes, "url.full", "http.url"))
        host, path = host or ("" if is_server else host_of_url), path or path_of_url
    if "://" in path:  # a proxy's request line
        host_of_url, path = _parts(path)
        host = host or ("" if is_server else host_of_url)
    return f"{host}{path}" if not host or not path or path.startswith("/") else f"{host}/{path}"


def _host(attributes: Mapping[str, Any]) -> str:
    host = _text(attributes, "server.address", "net.peer.name", "http.host").rpartition("@")[2]
    if host.count(":") > 1 and not host.startswith("["):
        host = f"[{host}]"
    port = attributes.get("server.port", attributes.get("net.peer.port"))
    if type(port) is int and port not in _USUAL_PORTS and not re.search(r":[0-9]+$", host):
        host = f"{host}:{port}"
    return host if _HOST.fullmatch(host) else ""


def _parts(url: str) -> tuple[str, str]:
    """Host and path of an address; empty where it is none, or where a part of a password may stand in either."""
    match = _URL.match(url)
    if match is None:
        return "", ""
    user, _, host = match[1].rpartition("@")
    path = _PATH_END.split(match[2], maxsplit=1)[0]
    if not _HOST.fullmatch(host) or (not user and ":" in host and "@" in match[2]):
        return "", ""
    return host, path


def _database(attributes: Mapping[str, Any]) -> str:
    known = _text(
        attributes, "db.query.summary", "db.collection.name", "db.sql.table", "db.mongodb.collection",
        "db.cassandra.table",
    )  # fmt: skip
    if known:
        return known
    table = _TABLE.match(_text(attributes, "db.query.text", "db.statement")[:_LONGEST_STATEMENT])
    if table is not None:
        return re.sub(r'["`\[\]]', "", table[1])
    namespace = _text(attributes, "db.namespace", "db.name")
    return "" if namespace.isdecimal() else namespace
