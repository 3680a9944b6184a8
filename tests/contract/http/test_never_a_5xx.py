"""No method, path, query, header or body gives a 5xx, and none is left without an answer.

Every route of the application's own table is asked in every odd way, one oddity at a time, and so is the real server
with bytes that are hardly HTTP. What is documented stays: 503 while Redis is away is another test's.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest
from fastapi.routing import iter_route_contexts
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from spantail_service.app import create_app
from spantail_service.settings import Settings
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer
from tests.support.service.served import Served, served_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator

METHODS: Final = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "QUERY", "get", "X")
ANSWER_S: Final = 20.0  # none is left waiting, on however busy a machine
LONG: Final = b"a" * 20_000

HEADERS: Final[tuple[tuple[bytes, bytes], ...]] = (
    *((b"accept", value) for value in (
        b"", b"*", b"*/*;q=x", b"text/plain; version=9e9", b"application/openmetrics-text; version=", b";,=;",
        b"application/protobuf", b"text/event-stream", b"text/html", b"\xff\x00\xfe".replace(b"\0", b""), LONG,
    )),
    *((b"accept-encoding", value) for value in (b"", b"gzip;q=x", b"*;q=0", b"br, gzip;q=nan", b"\xfc", LONG)),
    *((b"content-type", value) for value in (
        b"", b"/", b"application/json; charset=nothing", b"application/json; charset=utf-7",
        b"text/plain; charset=\xff",
        b"application/x-protobuf", b"application/x-ndjson", b"application/x-www-form-urlencoded",
        b"application/x-www-form-urlencoded; charset=utf-16", b"multipart/form-data", b"multipart/form-data; boundary=",
        b"multipart/form-data; boundary=\xff", LONG,
    )),
    *((b"content-encoding", value) for value in (b"gzip", b"x-gzip", b"gzip, gzip", b"deflate", b"", b"\xff", LONG)),
    *((b"range", value) for value in (b"bytes=0-1", b"bytes=-1", b"bytes=9-1", b"bytes=x", b"lines=1-2",
                                      b"bytes=" + b"0-0," * 3_000, b"bytes=99999999999999999999-")),
    *((b"if-none-match", value) for value in (b"*", b'"', b'W/"x"', b"\xff")),
    *((b"if-modified-since", value) for value in (b"x", b"Thu, 99 Foo 0000 00:00:00 GMT", b"9" * 5_000)),
    (b"if-range", b"x"), (b"if-match", b"*"), (b"if-unmodified-since", b"\xff"),
    *((b"last-event-id", value) for value in (b"", b"-1", b"9" * 30, b"9" * 5_000, b"\xd9\xa3", b"\xff", b"nan")),
    *((b"cookie", value) for value in (b"", b"=", b"spantail_session=", b"spantail_session=\xff.\xff.\xff",
                                       b";" * 9_000)),
    *((b"authorization", value) for value in (b"", b"Bearer", b"Bearer \xff", b"Basic Og==", LONG)),
    *((b"traceparent", value) for value in (b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", b"ff-x", b"\xff", LONG)),
    (b"tracestate", b"=,=,\xff"), (b"baggage", b"a=\xff;=;,"), (b"expect", b"100-continue"), (b"expect", b"x"),
    *((b"x-forwarded-for", value) for value in (b"", b"\xff", b"1.2.3.4, , x")), (b"forwarded", b"for=\xff"),
    (b"x-forwarded-proto", b"\xff"), (b"user-agent", b"\xff" * 5_000), (b"upgrade", b"h2c"), (b"te", b"trailers"),
    *((b"origin", value) for value in (b"null", b"", b"http://[", b"http://localhost:x", b"\xff")),
    (b"sec-fetch-site", b"\xff"), (b"x-http-method-override", b"DELETE"),
)  # fmt: skip
"""One at a time, each twice as well."""

VALUES: Final = (
    b"", b"-1", b"1.5", b"nan", b"inf", b"1e400", b"9" * 19, b"9" * 5_000, b"%00", b"%FF%FE", b"%ED%A0%80", b"%D9%A3",
    b"%F0%9F%98%80", b"true", b"null", b"{}", b"%", b"%zz", b"%0A%0D", b"a" * 3_000, b"..%2f..", b"%2A", b"1_000",
)  # fmt: skip
"""Of query parameters and parts of paths, as they are written in an address."""

BODIES: Final = (
    b"", b"{}", b"[]", b"null", b"{", b"\xff", b"\0" * 100, b"[" * 5_000, b'{"a":' * 5_000, b'"\\ud800"', b"1e999",
    b"NaN",     b"token=%FF&next=%00", b"token=%ED%A0%80&next=//x", b"&=&=", b'{"job_titles":["\\u0000\\ud83d"]}',
    b'{"job_titles":[1e400]}', b"\x1f\x8b", b"--\r\n\r\n",
)  # fmt: skip


class Asked(NamedTuple):
    """One request."""

    method: str
    target: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    body: bytes = b""


class Route(NamedTuple):
    path: str
    methods: frozenset[str]
    parameters: tuple[str, ...]
    """Of the query."""

    def target(self, part: bytes | None = None) -> bytes:
        """With a run that is there, or with `part` in every place."""
        known = {b"run_id": RUN.encode(), b"trace_id": RUN.encode(), b"span_id": ROOT_SPAN.encode()}
        return re.sub(
            rb"\{([^}:]+)[^}]*\}", lambda name: known.get(name[1], b"x") if part is None else part, self.path.encode()
        )


def routes() -> list[Route]:
    app = create_app(Settings(redis_url="redis://127.0.0.1:1/0"))
    described = app.openapi()["paths"]
    found = []
    for context in iter_route_contexts(app.routes):
        if context.path:
            operations = described.get(context.path, {}).values()
            names = [one["name"] for operation in operations for one in operation.get("parameters", ())
                     if one["in"] == "query"]  # fmt: skip
            found.append(Route(context.path, frozenset(context.methods or ()), tuple(dict.fromkeys(names))))
    return [*found, Route("/none", frozenset(), ()), Route("/", frozenset({"GET"}), ("x",))]


def is_endless(asked: Asked) -> bool:
    """Streams that end with their reader: their head is all that is waited for."""
    return b"/events" in asked.target or b"/stream" in asked.target


def requests(route: Route) -> Iterator[Asked]:
    """Every odd request of a route."""
    plain = route.target()
    json = ((b"content-type", b"application/json"),)
    for method in METHODS:
        yield Asked(method, plain)
        yield Asked(method, plain, json, b"{")
    method = "GET" if "GET" in route.methods or not route.methods else min(route.methods)
    if method == "DELETE":
        plain = route.target(b"9" * 32)  # the run stays for the others
    for header in HEADERS:
        yield Asked(method, plain, (header,), b"{}" if method == "POST" else b"")
        yield Asked(method, plain, (header, header))
    for part in VALUES if "{" in route.path else ():
        yield Asked(method, route.target(part))
    for name in route.parameters or ("x",):
        for value in VALUES:
            yield Asked(method, b"%b?%b=%b" % (plain, name.encode(), value))
        yield Asked(method, b"%b?%b=1&%b=2" % (plain, name.encode(), name.encode()))
        yield Asked(method, b"%b?%b&&=%%&%%00=%%FF#x" % (plain, name.encode()))
    if method == "POST":
        kinds = (b"application/json", b"application/x-protobuf", b"application/x-ndjson",
                 b"application/x-www-form-urlencoded", b"multipart/form-data; boundary=x")  # fmt: skip
        for kind, body in itertools.product(kinds, BODIES):
            yield Asked(method, plain, ((b"content-type", kind),), body)


def written(asked: Asked, host: str) -> bytes:
    """A request as bytes: a client of the usual kind would refuse to send most of them."""
    lines = [b"%b %b HTTP/1.1" % (asked.method.encode(), asked.target), b"host: " + host.encode()]
    lines += [b"%b: %b" % header for header in asked.headers]
    if asked.body or asked.method == "POST":
        lines.append(b"content-length: %d" % len(asked.body))
    lines += [b"connection: close", b"", b""]
    return b"\r\n".join(lines) + asked.body


async def answer_to(service: Served, data: bytes, *, head_only: bool = False) -> bytes:
    """All that is answered, until the service closes."""
    host, _, port = service.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        async with asyncio.timeout(ANSWER_S):
            return await reader.readuntil(b"\r\n\r\n") if head_only else await reader.read()
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return b""
    finally:
        writer.close()


def status_of(answer: bytes) -> int:
    answer = answer.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


@pytest.fixture
async def service(new_redis_url: str) -> AsyncIterator[Served]:
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 1)
        writer.span(RUN, end=START + 1)
    options = {"max_starts_per_minute": 30, "max_heavy_per_minute": 0, "himalayas_url": "http://127.0.0.1:9",
               "claude_command": "no-such-command"}  # fmt: skip
    async with served_app(new_redis_url, demo=True, **options) as service:
        yield service


async def _all_answered(service: Served, asked: Iterable[Asked]) -> None:
    wrong: list[str] = []
    waiting = iter(asked)

    async def ask() -> None:
        for one in waiting:
            answer = await answer_to(service, written(one, service.address), head_only=is_endless(one))
            status = status_of(answer)
            # no answer at all is right where what was sent is no HTTP, which none of these is
            if not 200 <= status < 500:
                wrong.append(f"{status} to {str(one)[:300]}: {answer[:300]!r}")

    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(ask())
    assert not wrong, "\n".join([f"{len(wrong)} of them:", *wrong[:20]])


ROUTES: Final = routes()


@pytest.mark.parametrize("share", range(4))
async def test_every_route_whatever_it_is_asked(service: Served, share: int) -> None:
    await _all_answered(service, (asked for route in ROUTES[share::4] for asked in requests(route)))


async def test_head_is_get_without_its_body_and_options_says_what_is_taken(service: Served) -> None:
    async with service.client() as client:
        for path in ("/healthz", "/api/runs", "/metrics", "/openapi.json", f"/api/traces/{RUN}", "/docs"):
            whole, head = await client.get(path), await client.head(path)
            assert (head.status_code, head.content) == (whole.status_code, b"")
            assert head.headers["content-type"] == whole.headers["content-type"]
            options = await client.options(path)
            assert (options.status_code, options.content) == (204, b"")
            assert {"GET", "HEAD", "OPTIONS"} <= set(options.headers["allow"].split(", "))
        assert set((await client.options("/v1/traces")).headers["allow"].split(", ")) == {"POST", "OPTIONS"}
        assert (await client.options("/none")).status_code == 404


RAW: Final = (
        b"GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET http://elsewhere.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET //healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /healthz HTTP/1.0\r\n\r\n", b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"\0" * 100, b"\xff" * 100, b"\r\n" * 100,
        b"GET /\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n", b"GET /%00 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: [\r\n\r\n", b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        (b"POST /v1/traces HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
         b"0\r\n\r\n"),
        b"POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"POST /v1/logs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n",
        b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n",
)  # fmt: skip


async def test_what_is_hardly_http_is_refused_or_answered(service: Served) -> None:
    answers = await asyncio.gather(*(_raw_answer(service, data) for data in RAW))
    for data, answer in zip(RAW, answers, strict=True):
        assert answer == b"" or 200 <= status_of(answer) < 500, (data, answer)
    async with service.client() as client:
        assert (await client.get("/healthz")).status_code == 200


async def _raw_answer(service: Served, data: bytes) -> bytes:
    host, _, port = service.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(data)
    answer = b""
    with contextlib.suppress(ConnectionError, TimeoutError, asyncio.IncompleteReadError):
        async with asyncio.timeout(3):  # what is no whole request is waited for, and the connection stays open
            answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return answer


WEBSOCKET = "/ws/runs/{}/logs{}"


SOCKETS: Final = (
        *((RUN, f"?since={value.decode()}") for value in VALUES if len(value) < 1_000),
        *((RUN, f"?epoch={value.decode()}") for value in VALUES if len(value) < 1_000),
        (RUN, "?since=0&since=1"), (RUN, "?&=&"), (RUN, "?since"), ("x", ""), ("%00", ""), ("0" * 32, ""),
        ("9" * 32, ""),        ("%ED%A0%80", ""), (RUN.upper(), ""), ("a" * 3_000, ""),
)  # fmt: skip


async def test_websockets_are_opened_or_closed_with_a_reason(service: Served) -> None:
    for run, query in SOCKETS:
        await _watched(service, WEBSOCKET.format(run, query))


async def _watched(service: Served, target: str) -> None:
    try:
        async with asyncio.timeout(ANSWER_S), connect(f"ws://{service.address}{target}") as socket:
            with contextlib.suppress(ConnectionClosed):
                for odd in ("", "\0", "{}", b"\xff\xfe", "x" * 4_000):
                    await socket.send(odd)
                while True:
                    await socket.recv()
            assert socket.close_code in {1000, 4400, 4404, 4410}, (socket.close_code, socket.close_reason)
    except InvalidStatus as error:
        refused = error.response.status_code
    else:
        return
    assert refused < 500


@pytest.mark.parametrize(
    "header",
    [("sec-websocket-version", "99"), ("sec-websocket-key", ""), ("sec-websocket-key", "x"), ("upgrade", "nothing"),
     ("sec-websocket-extensions", "permessage-deflate; server_max_window_bits=99"), ("sec-websocket-protocol", ",,"),
     ("origin", "null"), ("origin", "http://["), ("cookie", "=" * 3_000), ("sec-websocket-extensions", ";;,=")],
)  # fmt: skip
async def test_odd_handshakes_are_answered(service: Served, header: tuple[str, str]) -> None:
    headers = {"host": service.address, "connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
               "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==", header[0]: header[1]}  # fmt: skip
    lines = [f"GET {WEBSOCKET.format(RUN, '')} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    answer = await answer_to(service, "\r\n".join([*lines, "", ""]).encode(), head_only=True)
    assert 101 <= status_of(answer) < 500, answer
