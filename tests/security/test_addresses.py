"""Ways around the token, tried on a real socket: odd addresses, versions, hosts and headers, byte by byte."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from spantail_service.access.refusals import CLOSE_REFUSED
from tests.integration.service.harness import RUN, Writer
from tests.support.service.served import Served, served_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "correct-horse-battery-staple"
HIDDEN = "a name that only who has the token may read"
BEARER = f"Authorization: Bearer {TOKEN}\r\n"
SECOND = "GET /api/runs HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture
async def guarded(new_redis_url: str) -> AsyncIterator[Served]:
    with Writer(new_redis_url) as writer:
        writer.span(RUN, name=HIDDEN)
    async with served_app(new_redis_url, token=TOKEN) as service:
        yield service


async def said(service: Served, request: str | bytes) -> bytes:
    """All that is answered to some bytes, until the service closes or has nothing more to say."""
    host, _, port = service.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request.encode("latin-1") if isinstance(request, str) else request)
        answer = b""
        with contextlib.suppress(TimeoutError, ConnectionResetError):
            while chunk := await asyncio.wait_for(reader.read(65_536), 10 if not answer else 0.3):
                answer += chunk
        return answer
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.") else 0


TARGETS = [
    "/api/runs", "//api/runs", "/api//runs", "/./api/runs", "/healthz/../api/runs", "/assets/../api/runs",
    "/assets/%2e%2e/api/runs", "/assets/..%2fapi/runs", "/assets/..%5capi/runs", "/%2e/api/runs", "/api/runs/",
    "/api/runs.",
    "/api/runs%20", "/api/runs%00", "/healthz%00/../api/runs", "/api/%72uns", "/%61pi/runs", "/API/runs",
    "/api/runs;x=/healthz",
    "/api/runs?/healthz", "/api/runs#/healthz", "/healthz;/api/runs", "/login/../api/runs", "/login/",
    "/login%2f..%2fapi/runs",
    "/docs/style.css/../../api/runs", "/favicon.svg/..%2f..%2fapi/runs", f"/api/runs?token={TOKEN}",
    f"/api/runs?access_token={TOKEN}",
    f"/api/runs?authorization=Bearer%20{TOKEN}", "http://localhost/api/runs", "http://localhost/healthz/../api/runs",
    "http://evil.example/api/runs", "http://localhost@evil.example/api/runs", "https://localhost/api/runs", "*",
    "api/runs",
    "/%c0%ae%c0%ae/api/runs", "/api/runs%0d%0aX: y", "/\\api\\runs", "/assets\\..\\api\\runs", "/metrics", "/metrics/",
    "/openapi.json", "/openapi.json%3f", "/docs", "/", "/index.html", "/assets", "/assets/",
    "/assets/%2e%2e/index.html",
    f"/runs/{RUN}", f"/api/traces/{RUN}", f"/api/runs/{RUN}/export?format=ndjson", f"/api/runs/{RUN}/events",
    "/api/runs/events",
]  # fmt: skip


async def test_no_address_leads_past_the_token(guarded: Served) -> None:
    for version in ("HTTP/1.1", "HTTP/1.0"):
        for target in TARGETS:
            answer = await said(guarded, f"GET {target} {version}\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            assert 300 <= status(answer) < 500, (target, version, answer[:200])
            assert HIDDEN.encode() not in answer, target
            assert b"spantail_" not in answer, target  # metrics
            assert b"\r\nX: y" not in answer, target  # a header of its own making
            assert b"location: //" not in answer.lower(), target


METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "PROPFIND", "QUERY", "M-SEARCH"]
HEADERS = [
    "", "X-HTTP-Method-Override: GET\r\n", "X-Original-URL: /healthz\r\n", "X-Rewrite-URL: /healthz\r\n",
    "X-Forwarded-Host: localhost\r\n", "X-Forwarded-For: 127.0.0.1\r\n", "Forwarded: for=127.0.0.1;host=localhost\r\n",
    "X-Forwarded-Prefix: /healthz\r\n", "X-Real-IP: 127.0.0.1\r\n", f"X-Token: {TOKEN}\r\n", f"Token: {TOKEN}\r\n",
    f"Authorization: Token {TOKEN}\r\n", f"Authorization: Basic {TOKEN}\r\n", f"Authorization: bearer{TOKEN}\r\n",
    f"Proxy-Authorization: Bearer {TOKEN}\r\n", f"Cookie: spantail_session={TOKEN}\r\n", f"Cookie: token={TOKEN}\r\n",
    f"Cookie: spantail_session={'0' * 32}.9999999999.{'A' * 43}\r\n", "Cookie: spantail_session=\r\n",
    f"{BEARER}Authorization: Bearer wrong\r\n", f"Authorization: Bearer {TOKEN[:-1]}\r\n",
    f"Authorization: Bearer {TOKEN}\x00\r\n",
    f"Authorization: Bearer {TOKEN} x\r\n", f"Authorization: Bearer {TOKEN},\r\n",
    f"Authorization : Bearer {TOKEN}\r\n",
]  # fmt: skip


async def test_no_method_and_no_header_stands_for_the_token(guarded: Served) -> None:
    for method in METHODS:
        answer = await said(guarded, f"{method} /api/runs HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert 400 <= status(answer) < 500, (method, answer[:200])
    for header in HEADERS:
        answer = await said(guarded, f"GET /api/runs HTTP/1.1\r\nHost: localhost\r\n{header}Connection: close\r\n\r\n")
        assert status(answer) in (400, 401, 429), (header, answer[:200])
        assert HIDDEN.encode() not in answer, header
    answer = await said(guarded, f"GET /api/runs HTTP/1.1\r\nHost: localhost\r\n{BEARER}Connection: close\r\n\r\n")
    assert status(answer) == 200
    assert HIDDEN.encode() in answer  # the test would have seen it


@pytest.mark.parametrize(
    "hosts",
    ["", "Host: evil.example\r\n", "Host: localhost\r\nHost: evil.example\r\n",
    "Host: evil.example\r\nHost: localhost\r\n",
     "Host: localhost\r\nHost: localhost\r\n", "Host: localhost@evil.example\r\n", "Host: localhost:80:80\r\n",
     "Host: evil.example#localhost\r\n", "Host: localhost evil.example\r\n", "Host: localhost,evil.example\r\n",
     "Host: 0x7f000001\r\n", "Host: 127.1\r\n", "Host: [::1\r\n", "Host: localhost\x00.evil.example\r\n"],
)  # fmt: skip
async def test_other_hosts_get_nothing_even_with_the_token(guarded: Served, hosts: str) -> None:
    answer = await said(guarded, f"GET /api/runs HTTP/1.1\r\n{hosts}{BEARER}Connection: close\r\n\r\n")
    assert status(answer) in (400, 421), answer[:200]
    assert HIDDEN.encode() not in answer


@pytest.mark.parametrize(
    "raw",
    [
        # two requests where a proxy would see one, and the other way about
        f"POST / HTTP/1.1\r\nHost:localhost\r\nContent-Length:9\r\nTransfer-Encoding:chunked\r\n\r\n0\r\n\r\n{SECOND}",
        f"GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n{SECOND}",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\nGET /api/runs HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /healthz HTTP/1.1\nHost: localhost\n\nGET /api/runs HTTP/1.1\nHost: localhost\n\n",
        f"GET /api/runs HTTP/1.1\r\nHost: localhost\r\nX: y\r\n {BEARER}\r\n",  # a folded line
        f"GET /api/runs HTTP/1.1\r\nHost: localhost\r\nX: y\r{BEARER}\r\n",
        f"POST /api/jobs/search HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{BEARER}\r\n",
         # a trailer
        "GET /api/runs HTTP/0.9\r\n\r\n", "GET /api/runs\r\n\r\n", "GET /api/runs HTTP/2.0\r\nHost: localhost\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "\x00" * 64,
        "CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=range(15),
)  # fmt: skip
async def test_no_framing_smuggles_a_request_in(guarded: Served, raw: str) -> None:
    answer = await said(guarded, raw)
    assert HIDDEN.encode() not in answer
    assert b"HTTP/1.1 5" not in answer
    async with guarded.client() as client:
        assert (await client.get("/healthz")).status_code == 200


async def test_what_was_let_in_before_lets_nothing_else_in(guarded: Served) -> None:
    """The guard remembers who came with the token: by all that was said, not by the connection or the address."""
    let_in = f"GET /api/runs HTTP/1.1\r\nHost: localhost\r\n{BEARER}\r\n"
    for _ in range(3):
        assert status(await said(guarded, let_in.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))) == 200
    for then in (
        SECOND, SECOND.replace("localhost", "evil.example"), f"{SECOND[:-2]}Origin: http://evil.example\r\n{BEARER}\r\n",
        f"{SECOND[:-2]}Authorization: Bearer {TOKEN}x\r\n\r\n", f"DELETE{SECOND[3:]}",
    ):  # fmt: skip
        answer = await said(guarded, let_in + then)
        first, _, second = answer.partition(b"\r\n\r\n")
        assert status(first) == 200
        refused = second[second.index(b"HTTP/1.1 ") :]
        assert status(refused) in {401, 403, 405, 421}, refused[:200]
        assert HIDDEN.encode() not in refused


async def _session(guarded: Served) -> str:
    async with guarded.client() as client:
        return (await client.post("/login", data={"token": TOKEN})).cookies["spantail_session"]


async def _status_with(guarded: Served, cookie: str) -> int:
    head = f"GET /api/runs HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
    return status(await said(guarded, head))


async def test_a_session_may_stand_beside_other_cookies(guarded: Served) -> None:
    pair = f"spantail_session={await _session(guarded)}"
    for cookie in ("{}", "{};", "x; {}", "a=b;{}", "{}; spantail_session=", "spantail_session=; {}", ";; {} ;"):
        assert await _status_with(guarded, cookie.format(pair)) == 200, cookie


async def test_what_is_nearly_a_session_is_none(guarded: Served) -> None:
    """In quotes, in capitals, encoded, cut, prolonged, or under a name that is nearly that of the cookie."""
    value = await _session(guarded)
    head, end, signature = value.split(".")
    for wrong in (
        value.upper(), value[:-1], value + "A", f"{head}.{int(end) + 1}.{signature}", f"{head}.{end}.", f'"{value}"',
        f"{head}.0{end}.{signature}", f"{head}.{end}.{signature}=", f"{head}.{end}.{signature}\x00", f"{value}, x",
        value.replace(".", "%2E"), f"{head}.9999999999.{signature}", f"{head}.-{end}.{signature}",
    ):  # fmt: skip
        assert await _status_with(guarded, f"spantail_session={wrong}") in {400, 401}, wrong
    for name in ("Spantail_Session", "__Host-spantail_session", "spantail_session ", "spantail%5Fsession", "$Version"):
        assert await _status_with(guarded, f"{name}={value}") in {400, 401}, name


@pytest.mark.parametrize("spelling", ["bearer {}", "BEARER {}", "Bearer  {}", "Bearer {} ", "Bearer\t{}"])
async def test_the_scheme_s_case_is_free_and_nothing_else(guarded: Served, spelling: str) -> None:
    """RFC 9110 §11.1: a scheme is case-insensitive; whatever is let in holds the token."""
    for token, allowed in (
        (TOKEN, (200, 400, 401)),
        (TOKEN.upper(), (400, 401)),
        (TOKEN[1:], (400, 401)),
        ("", (400, 401)),
    ):
        header = f"Authorization: {spelling.format(token)}\r\n"
        answer = await said(guarded, f"GET /api/runs HTTP/1.1\r\nHost: localhost\r\n{header}Connection: close\r\n\r\n")
        assert status(answer) in allowed, (header, answer[:100])
    header = f"Authorization: {spelling.split('{', maxsplit=1)[0].strip().lower()} {TOKEN}\r\n"
    answer = await said(guarded, f"GET /api/runs HTTP/1.1\r\nHost: localhost\r\n{header}Connection: close\r\n\r\n")
    assert status(answer) == 200


async def test_a_sign_in_is_sent_by_no_other_page(guarded: Served) -> None:
    """Forged requests: what a form or a `no-cors` fetch elsewhere can send,
    with and without the browser's own words.
    """
    async with guarded.client() as client:
        done = await client.post("/login", data={"token": TOKEN})
        mine = {"cookie": f"spantail_session={done.cookies['spantail_session']}"}
        client.cookies.clear()
        assert (await client.get("/api/runs", headers=mine)).status_code == 200
        for kind in (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json",
        ):
            for method, path in (("POST", "/api/jobs/search"), ("POST", "/v1/traces"), ("POST", "/api/runs/import"),
                                 ("DELETE", f"/api/runs/{RUN}"), ("POST", f"/api/runs/{RUN}/pin"), ("POST", "/logout"),
                                 ("POST", "/login")):  # fmt: skip
                for foreign in ({"origin": "http://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"},
                                {"sec-fetch-site": "same-site"}, {"origin": "http://localhost:3000"}):  # fmt: skip
                    answer = await client.request(
                        method, path, content=b"{}", headers={**mine, **foreign, "content-type": kind}
                    )
                    assert answer.status_code == 403, (method, path, foreign)
        # where a browser says nothing at all, a simple content type still starts nothing
        for kind in ("text/plain", "application/x-www-form-urlencoded"):
            answer = await client.post(
                "/api/jobs/search", content=b'{"job_titles":["x"]}', headers={**mine, "content-type": kind}
            )
            assert answer.status_code in (415, 422), answer.text
        assert (await client.get(f"/api/runs/{RUN}", headers=mine)).status_code == 200  # still there, still signed in


async def test_a_session_is_always_a_new_one(guarded: Served) -> None:
    """Fixation: what a client brings along is not made a session by signing in."""
    fixed = f"{'a' * 32}.9999999999.{'A' * 43}"
    async with guarded.client() as client:
        seen = set()
        for _ in range(3):
            brought = {"cookie": f"spantail_session={fixed}"}
            done = await client.post("/login", data={"token": TOKEN}, headers=brought)
            seen.add(done.cookies["spantail_session"])
            client.cookies.clear()
        assert len(seen) == 3
        assert fixed not in seen
        assert (await client.get("/api/runs", headers={"cookie": f"spantail_session={fixed}"})).status_code == 401


@pytest.mark.parametrize(
    ("headers", "let_in"),
    [({}, False), ({"Origin": "http://evil.example"}, False), ({"Origin": "http://evil.example",
    "Authorization": f"Bearer {TOKEN}"}, False),
     ({"Authorization": f"Bearer {TOKEN}"}, True), ({"Sec-WebSocket-Protocol": f"bearer, {TOKEN}"}, False)],
)  # fmt: skip
async def test_websockets_by_every_way(guarded: Served, headers: dict[str, str], *, let_in: bool) -> None:
    address = f"ws://{guarded.address}/ws/runs/{RUN}/logs?token={TOKEN}"
    async with connect(address, additional_headers=headers) as socket:
        if let_in:
            assert await asyncio.wait_for(socket.recv(), 10)
        else:
            with pytest.raises(ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 10)
            assert socket.close_code == CLOSE_REFUSED


@pytest.mark.parametrize(
    "query",
    ["since=-1", "since=9223372036854775808", "since=1e9", "since=%00", "since=", "since=99999999999999999999999999",
     "before=-5", "limit=-1", "limit=99999999", "wait=-1", "wait=1e308", "wait=nan", "epoch=%00%ff",
     "epoch=" + "x" * 5_000],
)  # fmt: skip
async def test_odd_places_in_a_tail_are_refused_or_answered(guarded: Served, query: str) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with guarded.client() as client:
        for path in (
            f"/api/logs/{RUN}",
            f"/api/runs/{RUN}/events",
            "/api/runs/events",
            "/api/runs",
            f"/api/traces/{RUN}",
        ):
            async with client.stream("GET", f"{path}?{query}", headers=headers) as answer:
                assert answer.status_code in (200, 400, 404, 422), (path, answer.status_code)


@pytest.mark.parametrize("last", ["-1", "9" * 40, "x", "\u00e9", "1\t2", "1:2:3:4", "0" * 5_000, "nan", ":"])
async def test_odd_last_event_ids_are_refused_or_answered(guarded: Served, last: str) -> None:
    headers = {b"authorization": f"Bearer {TOKEN}".encode(), b"last-event-id": last.encode("latin-1")}
    async with guarded.client() as client:
        for path in (f"/api/runs/{RUN}/events", "/api/runs/events"):
            async with client.stream("GET", path, headers=headers) as answer:
                assert answer.status_code in (200, 400, 422), path
                if answer.status_code == 200:
                    assert await anext(answer.aiter_bytes())


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "-1", "0", "AAAA", "%00", "1_2_3", "99999999999999999999", "../..", "e30", "{}", "a" * 4_000, "\u2028"],
)
async def test_a_cursor_of_somebodys_making_is_refused(guarded: Served, cursor: str) -> None:
    async with guarded.client() as client:
        answer = await client.get("/api/runs", params={"cursor": cursor}, headers={"authorization": f"Bearer {TOKEN}"})
    assert answer.status_code in (200, 400, 422), answer.text
