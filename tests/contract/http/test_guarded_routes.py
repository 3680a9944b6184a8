"""Token, session, host, origin, limits: what stands in front of every route."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]

from spantail_exporters.redis.errors import REDIS_UNREACHABLE
from spantail_service.access.rate_limits import TokenBuckets, WrongTokens
from spantail_service.access.refusals import CLOSE_REFUSED
from spantail_service.routes.pages.login import FORM
from spantail_service.routes.runs import run_list as runs
from spantail_service.settings import Settings
from spantail_service.tail import feed
from spantail_service.web.headers import JSON_SECURITY_HEADERS
from tests.integration.service.harness import RUN, Writer, running_app
from tests.support.redis.faults import faulty_redis
from tests.support.service.served import Served, frames_of, next_frame, served_app
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, MutableMapping
    from pathlib import Path

    import httpx

TOKEN = "correct-horse-battery-staple"
BEARER = {"authorization": f"Bearer {TOKEN}"}
OPEN = ["/healthz", "/readyz", "/login", "/docs/style.css", "/favicon.svg", "/assets/none.js"]
GUARDED = [
    "/", f"/runs/{RUN}", "/docs", "/openapi.json", "/metrics", f"/api/logs/{RUN}", "/api/runs", "/api/operations",
    "/none", "/healthz/", "/healthz%2f", "/assets", "/Login",
]  # fmt: skip


@asynccontextmanager
async def guarded(redis_url: str, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    async with running_app(redis_url, token=TOKEN, **settings) as client:
        yield client


@pytest.fixture(autouse=True)
def _the_clock_of_the_limits_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine buckets would fill again between two requests."""
    for limited in (TokenBuckets, WrongTokens):
        monkeypatch.setitem(vars(limited)["__init__"].__kwdefaults__, "now_s", lambda: 1_000.0)


def assert_problem(answer: httpx.Response, status: int, kind: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == f"urn:spantail:problem:{kind}"
    assert answer.json()["status"] == status
    assert answer.json()["detail"]
    for name, value in JSON_SECURITY_HEADERS.items():
        assert answer.headers.get_list(name) == [value]


# --------------------------------------------------------------------------------------------------------- the token


async def test_only_the_open_routes_answer_without_the_token(new_redis_url: str) -> None:
    async with guarded(new_redis_url) as client:
        for path in OPEN:
            assert (await client.get(path)).status_code in (200, 404), path
        for path in GUARDED:
            answer = await client.get(path)
            assert_problem(answer, 401, "token-wanted")
            assert answer.headers["www-authenticate"] == 'Bearer realm="spantail"'
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "HEAD", "GARBAGE"):
            assert (await client.request(method, "/api/runs")).status_code == 401
        assert (await client.post("/api/jobs/search", json={"job_titles": ["x"]})).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_token_opens_everything(new_redis_url: str, scheme: str) -> None:
    async with guarded(new_redis_url) as client:
        for path in ("/api/runs", "/metrics", "/openapi.json", "/docs"):
            assert (await client.get(path, headers={"authorization": f"{scheme} {TOKEN}"})).status_code == 200


@pytest.mark.parametrize(
    "value",
    [f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ", "Bearer", f"Bearer{TOKEN}", f"Basic {TOKEN}", TOKEN, "",
     f"Bearer {TOKEN.upper()}", "Bearer \u00e9"],
)  # fmt: skip
async def test_anything_else_is_refused(new_redis_url: str, value: str) -> None:
    async with guarded(new_redis_url) as client:
        answer = await client.get("/api/runs", headers={b"authorization": value.encode("latin-1")})
    assert answer.status_code == 401
    assert "www-authenticate" in answer.headers
    assert TOKEN not in answer.text


async def test_who_guesses_has_to_wait_and_who_has_the_token_has_not(new_redis_url: str) -> None:
    async with guarded(new_redis_url) as client:
        answers = [await client.get("/api/runs", headers={"authorization": f"Bearer {n}"}) for n in range(12)]
        assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
        assert_problem(answers[-1], 429, "too-many-failures")
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 10
        assert (await client.get("/api/runs", headers=BEARER)).status_code == 200  # at the same address
        assert (await sign_in(client)).status_code == 303
        assert (await client.get("/healthz")).status_code == 200


async def test_otlp_is_told_in_its_own_language(new_redis_url: str) -> None:
    async with guarded(new_redis_url) as client:
        binary = await client.post("/v1/traces", headers={"content-type": "application/x-protobuf"})
        text = await client.post("/v1/logs", content=b"{}", headers={"content-type": "application/json"})
        assert (await client.post(
            "/v1/traces", headers={"content-type": "application/x-protobuf", **BEARER})).status_code == 200  # fmt: skip
    assert binary.status_code == text.status_code == 401
    status = Status.FromString(binary.content)
    assert (status.code, "SPANTAIL_TOKEN" in status.message or "token" in status.message) == (16, True)
    assert text.json()["code"] == 16
    assert "www-authenticate" in binary.headers


# ------------------------------------------------------------------------------------------------------- the session


async def sign_in(client: httpx.AsyncClient, token: str = TOKEN, **more: str) -> httpx.Response:
    return await client.post("/login", data={"token": token, **more}, headers={"accept": "text/html"})


async def test_a_browser_is_led_to_the_login_page_and_back(new_redis_url: str) -> None:
    async with guarded(new_redis_url) as client:
        led = await client.get(f"/runs/{RUN}?a=b&c=%2F", headers={"accept": "text/html,*/*"})
        assert led.status_code == 303
        assert led.headers["location"] == f"/login?next=/runs/{RUN}%3Fa%3Db%26c%3D%252F"
        form = await client.get(led.headers["location"])
        assert f'name="next" value="/runs/{RUN}?a=b&amp;c=%2F"' in form.text
        done = await sign_in(client, next=f"/runs/{RUN}?a=b&c=%2F")
        assert (done.status_code, done.headers["location"]) == (303, f"/runs/{RUN}?a=b&c=%2F")
        cookie = done.headers["set-cookie"]
        for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=604800"):
            assert part in cookie
        assert "Secure" not in cookie
        assert TOKEN not in cookie
        assert (await client.get("/api/runs")).status_code == 200  # the client keeps the cookie
        assert (await client.get("/login?next=/docs")).headers["location"] == "/docs"


async def test_over_tls_the_cookie_is_secure(new_redis_url: str) -> None:
    async with guarded(new_redis_url) as client:
        answer = await client.post("https://localhost/login", data={"token": TOKEN})
    assert "Secure" in answer.headers["set-cookie"]


async def test_a_wrong_token_shows_the_form_again(new_redis_url: str) -> None:
    async with guarded(new_redis_url) as client:
        wrong = await sign_in(client, '"><script>alert(1)</script>', next="/docs")
        program = await client.post("/login", data={"token": "x"})
        assert wrong.status_code == 401
        assert "not the token" in wrong.text
        assert "<script>alert" not in wrong.text
        assert 'value="/docs"' in wrong.text
        assert "set-cookie" not in wrong.headers
        assert_problem(program, 401, "wrong-token")
        answers = [await sign_in(client, str(n)) for n in range(10)]
        last = answers[-1]
        assert last.status_code == 429
        assert "retry-after" in last.headers
        assert (await sign_in(client)).status_code == 303  # the right one is heard at any time


@pytest.mark.parametrize(
    "target",
    ["//evil.example", "/\\evil.example", "https://evil.example", "javascript:alert(1)", "", "runs", "/\r\nx: y",
     "/\t/evil.example", '/"><script>', "/" + "a" * 3_000],
)  # fmt: skip
async def test_the_login_page_leads_nowhere_else(new_redis_url: str, target: str) -> None:
    async with guarded(new_redis_url) as client:
        form = await client.get("/login", params={"next": target})
        done = await sign_in(client, next=target)
    assert "<script>" not in form.text.replace('<script type="module"', "")
    location = done.headers["location"]
    assert location == "/" or re.fullmatch(r"/[!-~]*", location)
    assert not location.startswith(("//", "/\\"))


async def test_signing_out_ends_the_session_in_every_process(new_redis_url: str) -> None:
    async with guarded(new_redis_url) as client, guarded(new_redis_url) as other:
        await sign_in(client)
        session = client.cookies["spantail_session"]
        mine = {"cookie": f"spantail_session={session}"}
        assert (await other.get("/api/runs", headers=mine)).status_code == 200
        out = await client.post("/logout")
        assert (out.status_code, out.headers["location"]) == (303, "/login")
        assert "spantail_session" not in client.cookies
        assert (await client.get("/api/runs", headers=mine)).status_code == 401  # a copy of it is worth nothing

        async def reported() -> bool:
            await other.app.state.services.ended_sessions.exchange()  # type: ignore[attr-defined]  # as it does by itself
            return (await other.get("/api/runs", headers=mine)).status_code == 401

        await eventually_async(reported)  # type: ignore[arg-type]  # mypy finds no T in a coroutine


async def test_a_sign_out_while_redis_was_away_is_told_later(tmp_path: Path) -> None:
    with faulty_redis(tmp_path) as redis:
        async with guarded(redis.url, redis_timeout_s=0.5) as client, guarded(redis.url) as other:
            await sign_in(client)
            mine = {"cookie": f"spantail_session={client.cookies['spantail_session']}"}
            with redis.hanging():
                assert (await client.post("/logout")).status_code == 303

            async def reported() -> bool:
                with contextlib.suppress(*REDIS_UNREACHABLE):  # it has only just come back
                    await client.app.state.services.ended_sessions.exchange()  # type: ignore[attr-defined]
                    await other.app.state.services.ended_sessions.exchange()  # type: ignore[attr-defined]
                return (await other.get("/api/runs", headers=mine)).status_code == 401

            await eventually_async(reported)  # type: ignore[arg-type]  # mypy finds no T in a coroutine


async def _sign_out(service: Served, client: httpx.AsyncClient) -> None:
    assert (await client.post("/logout")).status_code == 303


async def _let_it_run_out(service: Served, client: httpx.AsyncClient) -> None:
    sessions = service.app.state.guard.sessions
    sessions._now_s = lambda: time.time() + sessions.lifetime_s + 1


@pytest.mark.parametrize("ends", [_sign_out, _let_it_run_out])
async def test_what_is_open_ends_with_the_session(redis_url: str, monkeypatch: pytest.MonkeyPatch, ends: Any) -> None:
    monkeypatch.setattr(feed, "HEARTBEAT_S", 0.05)
    monkeypatch.setattr(runs, "HEARTBEAT_S", 0.05)
    with Writer(redis_url) as writer:
        writer.lines(RUN, 1)
    async with served_app(redis_url, token=TOKEN) as service, service.client() as client:
        await sign_in(client)
        mine = {"cookie": f"spantail_session={client.cookies['spantail_session']}"}
        async with (
            service.watch(RUN, additional_headers=mine) as socket,
            service.watch(RUN, additional_headers=BEARER) as of_a_program,
            client.stream("GET", f"/api/runs/{RUN}/events") as of_run,
            client.stream("GET", "/api/runs/events") as of_list,
        ):
            streams = [of_run.aiter_text(), of_list.aiter_text()]
            for stream in streams:
                assert await anext(stream)
            await next_frame(socket)
            await ends(service, client)
            async with asyncio.timeout(10):
                await frames_of(socket)
                assert [[rest async for rest in stream][-1:] for stream in streams]  # each ends, and ends whole
            assert socket.close_code == CLOSE_REFUSED
            await next_frame(of_a_program)
            await next_frame(of_a_program)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [(b"{}", "application/json", 415), (b"token=\xff", FORM, 400), (b"a=b&" * 50, FORM, 400),
     (b"x" * 300_000, FORM, 413), (b"", FORM, 401)],
)  # fmt: skip
async def test_odd_forms(new_redis_url: str, content: bytes, kind: str, status: int) -> None:
    async with guarded(new_redis_url) as client:
        answer = await client.post("/login", content=content, headers={"content-type": kind})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_without_a_token_there_is_no_login(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        assert (await client.get("/login?next=/docs")).headers["location"] == "/docs"
        done = await sign_in(client)
        assert (done.status_code, "set-cookie" in done.headers) == (303, False)
        assert (await client.post("/logout")).status_code == 303


# ---------------------------------------------------------------------------------------------------- host and origin


async def test_other_names_are_not_answered(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        for host in ("evil.example", "localhost.evil.example:8321", "10.0.0.1", ""):
            answer = await client.get("/api/runs", headers={"host": host})
            assert_problem(answer, 421, "unknown-host")
            assert "evil" not in answer.text
            assert "SPANTAIL_ALLOWED_HOSTS" in answer.json()["detail"]
        assert (await client.get("/healthz", headers={"host": "10.1.2.3"})).status_code == 200
        assert (await client.get("/api/runs", headers={"host": "127.0.0.1:1"})).status_code == 200
    async with running_app(new_redis_url, allowed_hosts=("spans.example.com",)) as client:
        proxied = {"host": "spans.example.com", "origin": "https://spans.example.com"}
        assert (await client.get("/api/runs", headers=proxied)).status_code == 200


async def test_other_pages_get_nothing_and_cors_is_off(new_redis_url: str) -> None:
    foreign = {"origin": "http://evil.example"}
    async with running_app(new_redis_url) as client:
        for method, path in (("GET", "/api/runs"), ("POST", "/v1/traces"), ("POST", "/api/jobs/search"),
                             ("OPTIONS", "/api/runs"), ("DELETE", f"/api/runs/{RUN}"), ("POST", "/login")):  # fmt: skip
            answer = await client.request(method, path, headers=foreign)
            assert answer.status_code == 403, (method, path)
            assert not [name for name in answer.headers if name.startswith("access-control")]
        assert_problem(await client.get("/api/runs", headers=foreign), 403, "other-origin")
        embedded = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
        assert (await client.get("/favicon.svg", headers=embedded)).status_code == 403
        link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
        assert (await client.get("/docs", headers=link)).status_code == 200


# --------------------------------------------------------------------------------------------------------- websockets


async def websocket(app: Any, path: str, headers: dict[str, str]) -> list[MutableMapping[str, Any]]:
    """Connect as a server would; answers what the application sent."""
    sent: list[MutableMapping[str, Any]] = []
    incoming: list[MutableMapping[str, Any]] = [
        {"type": "websocket.connect"},
        {"type": "websocket.disconnect", "code": 1000},
    ]

    async def receive() -> MutableMapping[str, Any]:
        return incoming.pop(0)

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "websocket", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "ws", "path": path,
        "raw_path": path.encode(), "query_string": b"", "root_path": "", "client": ("127.0.0.1", 5), "server": None,
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()],
        "subprotocols": [], "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize(
    ("headers", "refused"),
    [({}, True), ({"authorization": "Bearer no"}, True), ({"host": "evil.example", **BEARER}, True),
     ({"origin": "http://evil.example", **BEARER}, True), ({"origin": "null", **BEARER}, True),
     ({"origin": "http://localhost", **BEARER}, False), (BEARER, False)],
)  # fmt: skip
async def test_websockets_pass_the_same_checks(new_redis_url: str, headers: dict[str, str], *, refused: bool) -> None:
    async with guarded(new_redis_url) as client:
        sent = await websocket(client.app, f"/ws/runs/{RUN}/logs", headers)  # type: ignore[attr-defined]
    if refused:
        assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
        assert sent[1]["code"] == CLOSE_REFUSED == 4401
        assert 0 < len(sent[1]["reason"].encode()) <= 123
    else:
        assert all(message.get("code") != CLOSE_REFUSED for message in sent)


# ------------------------------------------------------------------------------------------------- limits and methods


async def test_sizes(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        assert_problem(await client.get("/api/runs?q=" + "a" * 9_000), 414, "address-too-long")
        assert_problem(await client.get("/api/runs", headers={"x": "a" * 40_000}), 431, "headers-too-large")
        many = {f"x-{n}": "" for n in range(120)}
        assert_problem(await client.get("/api/runs", headers=many), 431, "headers-too-large")
        large = await client.post(
            "/api/jobs/search", content=b" " * 300_000, headers={"content-type": "application/json"}
        )
        assert large.status_code == 413
        assert large.headers["content-type"] == "application/problem+json"


async def test_expensive_routes_are_limited_by_client(new_redis_url: str) -> None:
    async with running_app(new_redis_url, max_starts_per_minute=2, max_heavy_per_minute=3) as client:
        client.app.state.services.rate_limits.heavy._now_s = lambda: 1_000.0  # type: ignore[attr-defined]
        starts = [await client.post("/api/jobs/search", json={}) for _ in range(3)]
        reads = [await client.get(f"/api/traces/{RUN}") for _ in range(4)]
        searches = [await client.get("/api/runs", params=query) for query in ({"q": "x"}, {"status": "failed"}, {})]
        polls = [await client.get(f"/api/logs/{RUN}") for _ in range(10)]
    assert [answer.status_code for answer in starts] == [422, 422, 429]
    assert [answer.status_code for answer in reads] == [404, 404, 404, 429]
    assert [answer.status_code for answer in searches] == [429, 200, 200]  # the index answers the others
    assert {answer.status_code for answer in polls} == {404}
    assert_problem(reads[-1], 429, "too-many-requests")
    assert int(reads[-1].headers["retry-after"]) == 20
    assert "SPANTAIL_MAX_HEAVY_PER_MINUTE" in reads[-1].json()["detail"]


async def test_head_is_get_without_its_content(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        writer.lines(RUN, 3)
    async with running_app(new_redis_url) as client:
        for path in ("/", "/docs", "/healthz", "/readyz", "/metrics", "/api/runs", f"/api/logs/{RUN}", "/openapi.json",
                     f"/api/traces/{RUN}", "/api/runs/none", "/none", "/login"):  # fmt: skip
            get, head = await client.get(path), await client.head(path)
            assert head.content == b"", path
            assert head.status_code == get.status_code, path
            for name in ("content-type", "cache-control", "location"):
                assert head.headers.get(name) == get.headers.get(name), path
            if path != "/metrics":
                assert head.headers.get("content-length") == get.headers.get("content-length"), path


async def test_head_of_an_endless_stream_ends(new_redis_url: str) -> None:
    from starlette.responses import StreamingResponse

    async with running_app(new_redis_url) as client:

        async def endless() -> StreamingResponse:
            async def forever() -> AsyncIterator[bytes]:
                while True:
                    yield b"data: x\n\n"

            return StreamingResponse(forever(), media_type="text/event-stream")

        client.app.get("/endless")(endless)  # type: ignore[attr-defined]
        answer = await client.head("/endless")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


async def test_a_wrong_method_is_told_the_right_ones(new_redis_url: str) -> None:
    async with running_app(new_redis_url) as client:
        answers = {
            path: await client.request(method, path)
            for method, path in (("PUT", "/api/operations"), ("GET", "/v1/traces"), ("GARBAGE", "/healthz"),
                                 ("DELETE", "/login"), ("PATCH", "/metrics"))
        }  # fmt: skip
    for path, answer in answers.items():
        assert answer.status_code == 405, path
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["allow"] in answer.json()["detail"]
    assert answers["/api/operations"].headers["allow"] == "GET, HEAD"
    assert answers["/v1/traces"].headers["allow"] == "POST"
    assert answers["/login"].headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("name", "value"),
    [("token", "with space"), ("token", "\u00e9"), ("token", "x" * 1_001), ("allowed_hosts", "http://x"),
     ("allowed_hosts", "a/b"), ("allowed_hosts", "a:80"), ("trusted_proxies", "*"), ("trusted_proxies", "a.example"),
     ("trusted_proxies", "10.0.0.1/8"), ("session_s", "1"), ("max_starts_per_minute", "-1")],
)  # fmt: skip
def test_wrong_settings_are_refused_without_showing_them(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SPANTAIL_{name.upper()}", value)
    with pytest.raises(ValueError, match=name) as error:
        Settings()
    assert value not in str(error.value) or len(value) == 1


def test_hosts_in_the_environment_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANTAIL_ALLOWED_HOSTS", "a.example, *.b.example ,")
    assert Settings().access.allowed_hosts == ("a.example", "*.b.example")


def test_proxies_in_the_environment_are_addresses_and_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANTAIL_TRUSTED_PROXIES", "127.0.0.1, 10.0.0.0/8,::1")
    assert Settings().access.trusted_proxies == ("127.0.0.1", "10.0.0.0/8", "::1")


async def test_forwarded_headers_are_believed_of_named_proxies_alone(new_redis_url: str) -> None:
    async def tries(service: Served, count: int) -> list[int]:
        async with service.client() as client:
            return [
                (await client.get("/api/runs", headers={
                    "authorization": f"Bearer {n}", "x-forwarded-for": f"198.51.100.{n}", "forwarded": f"for={n}",
                    "x-real-ip": f"203.0.113.{n}", "x-forwarded-host": "evil.example", "x-forwarded-proto": "https",
                })).status_code
                for n in range(count)
            ]  # fmt: skip

    async with served_app(new_redis_url, token=TOKEN) as service, service.client() as client:
        assert await tries(service, 14) == [401] * 10 + [429] * 4  # made-up addresses are one client
        made_up = {"x-forwarded-proto": "https", "accept": "text/html"}
        signed_in = await client.post("/login", data={"token": TOKEN}, headers=made_up)
        assert "Secure" not in signed_in.headers["set-cookie"]
    async with (
        served_app(new_redis_url, token=TOKEN, trusted_proxies=("127.0.0.1",)) as service,
        service.client() as client,
    ):
        assert await tries(service, 14) == [401] * 14  # a proxy tells them apart
        assert (await tries(service, 120))[-1] == 429  # and all together are limited too
        headers = {"x-forwarded-proto": "https", "x-forwarded-for": "198.51.100.1"}
        signed_in = await client.post("/login", data={"token": TOKEN}, headers=headers)
        assert (signed_in.status_code, "Secure" in signed_in.headers["set-cookie"]) == (303, True)
