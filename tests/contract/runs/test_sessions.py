"""`GET /api/sessions`: conversations over runs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis

from spantail.redaction import Redactor
from spantail_exporters.model import keys
from spantail_exporters.model.event import encode_state
from spantail_exporters.model.record import SpanRecord
from spantail_exporters.model.sessions import session_digest
from spantail_service.runs.sessions import counting
from spantail_service.runs.spending import Bookkeeper
from tests.integration.service.harness import ROOT_SPAN, Writer, running_app

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx
    import pytest


def _now() -> int:
    return time.time_ns() // 1_000


def _named(*session_ids: str) -> dict[str, Any]:
    return {f"c:{session_digest(one)}": {"id": one} for one in session_ids}


def _run(writer: Writer, number: int, start: int, nano: int, *sessions: str, end: int | None = None) -> str:
    run_id = f"{number:032x}"
    writer.span(run_id, start=start, end=end, sources=_named(*sessions))
    fields: dict[str, Any] = {"parent_id": ROOT_SPAN, "kind": "llm_call", "start": start, "end": start + 1}
    writer.span(run_id, f"{1:016x}", account=f"0 0 10 20 {nano} claude_cli\n", **fields)
    return run_id


async def _sessions(client: httpx.AsyncClient, **query: Any) -> dict[str, dict[str, Any]]:
    answer = await client.get("/api/sessions", params=query)
    assert answer.status_code == 200, answer.text
    return {one["session_id"]: one for one in answer.json()["sessions"]}


def _tables(attributes: Mapping[str, Any]) -> dict[str, bytes]:
    record = SpanRecord("1" * 32, "2" * 16, None, "x", 1, 2, attributes)
    return {field: text for field, text in encode_state(record, 1, Redactor()).sources.items() if field[:2] == "c:"}


def test_both_attributes_name_a_session() -> None:
    assert _tables({"spantail.session.id": "a/b", "gen_ai.conversation.id": "c"}) == {
        f"c:{session_digest('a/b')}": b'{"id":"a/b"}',
        f"c:{session_digest('c')}": b'{"id":"c"}',
    }
    assert _tables({"session.id": "s"}) == _tables({"spantail.session.id": "s"})
    assert _tables({"spantail.session.id": " "}) == _tables({"spantail.session.id": 7}) == {}
    long = "x" * 300
    assert _tables({"spantail.session.id": long}) == {f"c:{session_digest(long)}": b'{"id":"%b"}' % (b"x" * 200)}


async def test_sessions_have_their_runs_and_go_with_them(redis_url: str) -> None:
    now = _now()
    with Writer(redis_url) as writer:
        first = _run(writer, 1, now - 3_000_000, 7, "tea time/ä", end=now - 2_000_000)
        second = _run(writer, 2, now - 1_000_000, 5, "tea time/ä", "other")
        async with Redis.from_url(redis_url) as redis, running_app(redis_url) as client:
            keeper = Bookkeeper(redis)
            await keeper.book()
            found = await _sessions(client)
            assert list(found) == ["tea time/ä", "other"] or list(found) == ["other", "tea time/ä"]
            tea = found["tea time/ä"]
            assert (tea["runs"], tea["open"], tea["cost_nano"], tea["calls"]) == (2, 1, 12, 2)
            assert (tea["first"], tea["tokens"]) == (now - 3_000_000, {"input": 20, "output": 40})
            assert tea["backends"]["claude_cli"] == {"calls": 2, "cost_usd": 12e-9, "cost_nano": 12}
            assert found["other"]["cost_nano"] == 5
            assert list(await _sessions(client, q="TEA")) == ["tea time/ä"]

            one = (await client.get("/api/sessions/tea%20time%2F%C3%A4")).json()
            assert [run["run_id"] for run in one["items"]] == [first, second]
            page = (await client.get("/api/sessions/tea%20time%2F%C3%A4", params={"limit": 1})).json()
            assert [run["run_id"] for run in page["items"]] == [first]
            rest = await client.get("/api/sessions/tea time/ä", params={"limit": 1, "cursor": page["next_cursor"]})
            assert ([run["run_id"] for run in rest.json()["items"]], rest.json()["next_cursor"]) == ([second], None)

            pages = [(await client.get("/api/sessions", params={"limit": 1})).json()]
            pages.append((await client.get(f"/api/sessions?limit=1&cursor={pages[0]['next_cursor']}")).json())
            assert {one["session_id"] for page in pages for one in page["sessions"]} == set(found)

            # it grows, and what it had added before is taken back
            _run(writer, 2, now - 1_000_000, 5, end=now)
            writer.span(second, "e" * 16, parent_id=ROOT_SPAN, kind="llm_call", end=now, account="1 1 1 1 0 b\n")
            await keeper.book()
            tea = (await _sessions(client))["tea time/ä"]
            assert (tea["open"], tea["cost_nano"], tea["calls"], tea["unpriced"]) == (0, 12, 3, 1)

            # one is removed, one expires
            assert (await client.delete(f"/api/runs/{first}")).status_code == 204
            assert (await _sessions(client))["tea time/ä"]["cost_nano"] == 5
            writer.redis.delete(*keys.run_keys(second))
            writer.redis.zadd(keys.SESSIONS_DUE, {second: 1})
            await keeper.book()
            assert await _sessions(client) == {}
            assert not writer.redis.keys("{sessions}:*")
            gone = await client.get("/api/sessions/other")
            assert (gone.status_code, gone.json()["type"].rpartition(":")[2]) == (404, "unknown-session")
            assert (await client.get("/api/sessions?cursor=x")).status_code == 400


async def test_the_latest_runs_and_sessions_are_kept(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_RUNS", 3)
    monkeypatch.setattr(counting, "MOST_SESSIONS", 2)
    now = _now()
    with Writer(new_redis_url) as writer:
        async with Redis.from_url(new_redis_url) as redis, running_app(new_redis_url) as client:
            keeper = Bookkeeper(redis)
            for number in range(1, 6):
                _run(writer, number, now + number, 10**number, "s", end=now + number + 1)
                await keeper.book()
            session = (await _sessions(client))["s"]
            assert (session["runs"], session["cost_nano"]) == (3, 10**3 + 10**4 + 10**5)
            # one that had to make room is not taken back again
            await redis.zadd(keys.SESSIONS_DUE, {f"{1:032x}": 1})
            writer.redis.delete(*keys.run_keys(f"{1:032x}"))
            await keeper.book()
            assert (await _sessions(client))["s"] == session
            for number in (6, 7):
                _run(writer, number, now + number, 1, f"s{number}", end=now + number + 1)
                await keeper.book()
            assert list(await _sessions(client)) == ["s7", "s6"]
            answer = (await client.get("/api/sessions/s")).json()
            assert answer["status"] == 404
