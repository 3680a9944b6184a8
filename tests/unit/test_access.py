"""Who may come in, the pure parts: host names, origins, token buckets, sessions."""

from __future__ import annotations

from typing import Any

import pytest

from spantail_service.access.guard import Guard
from spantail_service.access.hosts import Hosts, is_own_origin
from spantail_service.access.rate_limits import TokenBuckets, WrongTokens, client_of
from spantail_service.access.sessions import COOKIE, Session, Sessions


class Clock:
    def __init__(self, now_s: float = 1_000_000_000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8321", "localhost.", "spantail.localhost:1", "127.0.0.1:8321", "127.9.9.9", "[::1]:80",
     "[::1]"],
)  # fmt: skip
def test_loopback_names_are_always_ours(host: str) -> None:
    assert Hosts("127.0.0.1").allows(host.encode())


@pytest.mark.parametrize(
    "host",
    ["", "evil.example", "evil.example:8321", "localhost.evil.example", "xlocalhost", "127.0.0.1.evil.example",
     "localhost:8321@evil.example", "localhost/", "10.0.0.1", "[::2]", "localhost:99999999", "local host", "\xff",
     "2130706433"],
)  # fmt: skip
def test_a_service_on_loopback_answers_to_no_other_name(host: str) -> None:
    assert not Hosts("127.0.0.1").allows(host.encode("latin-1"))


def test_a_service_on_the_network_answers_to_addresses_and_to_what_it_listens_on() -> None:
    hosts = Hosts("box.lan")
    assert hosts.allows(b"box.lan:8321")
    assert hosts.allows(b"192.168.1.5:8321")  # no DNS can turn an address on somebody else
    assert hosts.allows(b"[fe80::1]:8321")
    assert not hosts.allows(b"evil.example")


def test_named_hosts() -> None:
    hosts = Hosts("127.0.0.1", ["Spans.example.com", "*.corp.example"])
    assert hosts.allows(b"spans.example.com")
    assert hosts.allows(b"a.b.corp.example:443")
    assert not hosts.allows(b"corp.example")
    assert not hosts.allows(b"evilcorp.example")
    assert not hosts.allows(b"example.com")
    assert Hosts("127.0.0.1", ["*"]).allows(b"any.example")


@pytest.mark.parametrize(
    ("headers", "own"),
    [
        ({}, True),
        ({"origin": "http://localhost:8321"}, True),
        ({"origin": "https://localhost:8321"}, True),  # TLS ends in front of us
        ({"origin": "http://localhost:3000"}, False),  # another program on this machine
        ({"origin": "http://localhost"}, False),
        ({"origin": "http://evil.example"}, False),
        ({"origin": "null"}, False),
        ({"origin": ""}, False),
        ({"origin": "http://"}, False),
        ({"origin": "null", "sec-fetch-site": "same-origin"}, True),
        ({"origin": "https://spans.example.com", "sec-fetch-site": "cross-site"}, True),  # named by hand
        ({"sec-fetch-site": "same-origin"}, True),
        ({"sec-fetch-site": "none", "sec-fetch-mode": "navigate"}, True),  # typed in
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}, True),  # a link
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}, False),  # an <img> elsewhere
        ({"sec-fetch-site": "same-site", "sec-fetch-mode": "cors"}, False),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "origin": "http://evil.example"}, False),
    ],
)
def test_whose_page_asks(headers: dict[str, str], *, own: bool) -> None:
    raw = {name.encode(): value.encode() for name, value in {"host": "localhost:8321", **headers}.items()}
    assert is_own_origin(raw, Hosts("127.0.0.1", ["spans.example.com"])) is own


def test_a_bucket_lets_a_burst_pass_and_then_so_many_a_minute() -> None:
    clock = Clock()
    buckets = TokenBuckets(60, 3, now_s=clock)
    assert [buckets.take("a") for _ in range(3)] == [0, 0, 0]
    assert buckets.take("a") == pytest.approx(1.0)
    assert buckets.take("b") == 0  # another client
    clock.now_s += 1
    assert buckets.take("a") == 0
    assert buckets.take("a") == pytest.approx(1.0)
    clock.now_s += 3_600
    assert [buckets.take("a") > 0 for _ in range(4)] == [False, False, False, True]


def test_buckets_are_bounded_and_zero_is_no_limit() -> None:
    clock = Clock()
    buckets = TokenBuckets(60, 2, now_s=clock)
    for client in range(25_000):
        buckets.take(str(client))
    assert len(buckets) <= 10_000
    clock.now_s += 60  # all are full again, so the next that needs room finds it
    for client in range(25_000):
        buckets.take(f"later {client}")
    assert len(buckets) <= 10_000
    free = TokenBuckets(0)
    assert not any(free.take("a") for _ in range(1_000))


def test_wrong_tokens_are_counted_by_client() -> None:
    clock = Clock()
    wrong = WrongTokens(burst=3, per_minute=6, now_s=clock)
    assert [wrong.count("guesser") for _ in range(3)] == [0, 0, 0]
    assert wrong.count("guesser") == pytest.approx(10)
    assert wrong.count("somebody else") == 0
    clock.now_s += 10
    assert wrong.count("guesser") == 0


def test_wrong_tokens_are_counted_over_all_addresses_too() -> None:
    clock = Clock()
    wrong = WrongTokens(burst_of_all=50, per_minute_of_all=30, now_s=clock)
    waits = [wrong.count(f"198.51.100.{number}") for number in range(200)]
    assert waits.count(0) == 50
    assert waits[-1] == pytest.approx(2)
    clock.now_s += 2
    assert [wrong.count("203.0.113.1"), wrong.count("203.0.113.2") > 0] == [0, True]


@pytest.mark.parametrize(
    ("address", "client"),
    [("192.0.2.1", "192.0.2.1"), ("::1", "::/64"), ("2001:db8::1:2", "2001:db8::/64"), ("2001:db8::2", "2001:db8::/64"),
     ("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", "fe80::/64"), ("unix:", "unix:"),
     ("x" * 30_000, "x" * 64)],
)  # fmt: skip
def test_whom_a_connection_counts_for(address: str, client: str) -> None:
    assert client_of({"type": "http", "client": (address, 1)}) == client


def test_a_connection_without_an_address_counts_too() -> None:
    assert client_of({"type": "http", "client": None}) == ""


def _header(value: str) -> bytes:
    return f"theme=dark; {COOKIE}={value}; x".encode()


def test_a_session_is_known_again_until_it_ends() -> None:
    clock = Clock()
    sessions = Sessions("a token", 60, now_s=clock)
    value = sessions.issue()
    assert "a token" not in value
    assert value != sessions.issue()
    assert sessions.is_valid(_header(value))
    assert Sessions("a token", 60, now_s=clock).is_valid(_header(value))  # in another process
    assert not Sessions("another token", 60, now_s=clock).is_valid(_header(value))
    clock.now_s += 61
    assert not sessions.is_valid(_header(value))


def test_a_session_that_is_ended_is_over() -> None:
    sessions = Sessions("a token", 60)
    value, other = sessions.issue(), sessions.issue()
    ended = sessions.end(_header(value))
    assert ended is not None
    assert not sessions.is_valid(_header(value))
    assert sessions.end(_header(value)) is None
    assert sessions.is_valid(_header(other))


def test_no_change_of_a_session_is_valid() -> None:
    sessions = Sessions("a token", 60)
    value = sessions.issue()
    session, end, signature = value.split(".")
    wrong = [
        "", "x", value[:-1], value + "A", f"{session}.{int(end) + 1}.{signature}", f"{session}.{end}.",
        f"{'0' * 32}.{end}.{signature}", value.replace(".", ",", 1), f"{session}.{end}.{signature[::-1]}",
        f" {value} x", "\u00e9" * 10,
    ]  # fmt: skip
    for one in wrong:
        assert not sessions.is_valid(f"{COOKIE}={one}".encode()), one
    assert not sessions.is_valid(b"other=" + value.encode())
    assert not sessions.is_valid(b"a=b; " * 10_000 + _header(value))  # nobody's cookies are that long


def test_memory_of_ended_sessions_is_bounded() -> None:
    clock = Clock()
    sessions = Sessions("a token", 60, now_s=clock)
    sessions.forget([Session(b"%032x" % number, int(clock.now_s) + 60) for number in range(30_000)])
    assert len(sessions._ended) <= 10_000


TOKEN = "correct-horse"
HOST, BEARER = (b"host", b"localhost"), (b"authorization", b"Bearer correct-horse")


def guard_with(clock: Clock, sessions: Sessions | None = None) -> Guard:
    return Guard(Hosts("127.0.0.1"), TOKEN, sessions, WrongTokens(now_s=clock), now_s=clock)


def status(guard: Guard, *headers: tuple[bytes, bytes], path: str = "/api/runs", client: str = "192.0.2.1") -> int:
    """What a GET is refused with; 0 when it may come in."""
    scope: dict[str, Any] = {
        "type": "http", "method": "GET", "path": path, "query_string": b"", "headers": list(headers),
        "client": (client, 1),
    }  # fmt: skip
    refusal = guard.refusal(scope)
    return 0 if refusal is None else refusal.status


def test_who_was_let_in_comes_in_again_and_nobody_else_does() -> None:
    guard = guard_with(Clock())
    for _ in range(3):
        assert status(guard, HOST, BEARER) == 0
        assert status(guard, HOST) == 401
        assert status(guard, HOST, (b"authorization", b"Bearer correct-horsf")) == 401
        assert status(guard, (b"host", b"evil.example"), BEARER) == 421
        assert status(guard, HOST, BEARER, (b"origin", b"http://evil.example")) == 403
        assert status(guard, HOST, BEARER, (b"origin", b"http://localhost")) == 0
        assert status(guard, HOST, BEARER, path="/" + "x" * 9_000) == 414
        assert status(guard, HOST, BEARER, *[(b"x", b"y")] * 100) == 431
        assert status(guard, HOST, BEARER, (b"x", b"y" * 33_000)) == 431


def test_what_needs_no_token_opens_nothing_else() -> None:
    guard = guard_with(Clock())
    for headers in ([HOST], [HOST, (b"authorization", b"Bearer wrong")], [(b"host", b"evil.example")]):
        for path in ("/healthz", "/login", "/assets/x.js"):
            status(guard, *headers, path=path)
        assert status(guard, *headers) in (401, 421)


def test_a_session_that_has_ended_is_not_remembered() -> None:
    clock = Clock()
    sessions = Sessions(TOKEN, 60, now_s=clock)
    guard = guard_with(clock, sessions)
    cookie = (b"cookie", _header(sessions.issue()))
    assert status(guard, HOST, cookie) == status(guard, HOST, cookie) == 0
    assert sessions.end(cookie[1])
    assert status(guard, HOST, cookie) == 401


def test_the_right_token_is_let_in_whatever_others_try() -> None:
    clock = Clock()
    guard = guard_with(clock)
    tries = [status(guard, HOST, (b"authorization", b"Bearer wrong")) for _ in range(12)]
    assert tries == [401] * 10 + [429] * 2
    assert status(guard, HOST, BEARER) == 0  # from the same address: behind a proxy, that is everybody's
    tries = [status(guard, HOST, (b"authorization", b"Bearer %d" % n), client=f"10.0.{n}.1") for n in range(250)]
    assert tries[-1] == 429
    assert tries.count(401) <= 100
    for client in ("192.0.2.1", "10.0.249.1", "203.0.113.9"):
        assert status(guard, HOST, BEARER, (b"x", client.encode()), client=client) == 0
    clock.now_s += 3_600
    assert status(guard, HOST, (b"authorization", b"Bearer wrong")) == 401


def test_two_hosts_are_none() -> None:
    guard = guard_with(Clock())
    for hosts in ((HOST, (b"host", b"evil.example")), ((b"host", b"evil.example"), HOST), (HOST, HOST)):
        assert status(guard, *hosts, BEARER) == 400


def test_memory_of_who_was_let_in_is_bounded() -> None:
    guard = guard_with(Clock())
    for number in range(3_000):
        assert status(guard, HOST, BEARER, (b"x", b"%d" % number)) == 0
    assert len(guard._let_in) <= 2_048
    before = len(guard._let_in)
    assert status(guard, HOST, BEARER, (b"x", b"y" * 2_000)) == 0
    assert len(guard._let_in) == before
