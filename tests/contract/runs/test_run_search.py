"""`GET /api/runs/{run_id}/search`: what is found in one run, where, in which order, and within which bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from spantail_exporters.model.changes import Change
from spantail_service.search.run_search import RunSearch
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer, running_app, state

if TYPE_CHECKING:
    import httpx

CALL, TOOL, PASSED = "00f067aa0ba902b8", "00f067aa0ba902b9", "00f067aa0ba902ba"


def _write(writer: Writer) -> None:
    writer.span(RUN)
    writer.span(
        RUN, CALL, parent_id=ROOT_SPAN, kind="llm_call", name="chat Größe", start=START + 20, end=START + 30,
        status="error", backend="claude_cli", model="claude-sonnet-4-5", cost_source="unpriced", tokens={"input": 3},
        error={"type": "RateLimited", "message": "slow down, please", "traceback": "File x.py"},
        attributes={"http.url": "https://api.example.com/v1", "http.status": 429, "tags": ["a", "Blue"]},
    )  # fmt: skip
    writer.span(
        RUN, TOOL, parent_id=ROOT_SPAN, kind="tool", name="look up", start=START + 10, end=START + 12,
        fallback_from="openrouter", fallback_reason="timeout",
        span_events=[{"ts": START, "name": "cache.miss", "attributes": {"cache.key": "job-7"}}],
    )  # fmt: skip
    writer.span(
        RUN, PASSED, parent_id=ROOT_SPAN, kind="phase", name="plain", start=START + 14, end=START + 15,
        fallback_from="elsewhere", fallback_reason="not_installed",
    )  # fmt: skip
    event = {"ts": START + 50, "event": "log", "run_id": RUN, "span_id": TOOL, "level": "WARNING", "logger": "jobs",
             "message": "the quota is nearly used"}  # fmt: skip
    alone = {**event, "span_id": None, "message": "nobody owns the quota"}
    writer.write(RUN, [Change("", "", [orjson.dumps(event), orjson.dumps(alone)])])


async def _ids(client: httpx.AsyncClient, q: str) -> list[str | None]:
    answer = (await client.get(f"/api/runs/{RUN}/search", params={"q": q})).json()
    assert answer["is_whole"] is True
    assert answer["next_cursor"] is None
    assert answer["found"] == len(answer["hits"])
    return [hit["span_id"] for hit in answer["hits"]]


async def test_what_is_found(new_redis_url: str) -> None:
    expected = {
        "SONNET": [CALL], "größe": [CALL], "GRÖSSE": [], CALL: [CALL], "slow please": [CALL], '"slow please"': [],
        '"slow down"': [CALL], "x.py": [CALL], "blue": [CALL], "http.url": [CALL], "https://api": [CALL],
        "429": [CALL], "status:429": [CALL], "status:error": [CALL], "is:error": [CALL], "kind:llm_call": [CALL],
        "backend:claude": [CALL], "url:example": [CALL], "tags:example": [], "error:slow": [CALL],
        "is:unpriced": [CALL], "is:llm": [CALL], "is:fallback": [TOOL], "cache.miss": [TOOL], "event:job-7": [TOOL],
        "elsewhere": [PASSED],
        "is:running": [ROOT_SPAN], "kind:tool timeout": [TOOL], "kind:tool slow": [], "job": [ROOT_SPAN, TOOL, None],
        "nothing of it": [], "quota": [TOOL, None], "log:nearly": [TOOL], "name:quota": [],
        "tool": [TOOL], "too": [], "running": [ROOT_SPAN],
        CALL[-8:]: [CALL], CALL[-7:]: [], f"id:{CALL[-3:]}": [CALL],
    }  # fmt: skip
    with Writer(new_redis_url) as writer:
        _write(writer)
    async with running_app(new_redis_url) as client:
        found = {query: await _ids(client, query) for query in expected}
    assert found == expected


async def test_where_it_was_found(new_redis_url: str) -> None:
    with Writer(new_redis_url) as writer:
        _write(writer)
        writer.span(RUN, ROOT_SPAN, attributes={"long": "x" * 500 + "Needle" + "y" * 500}, rev=5)
    async with running_app(new_redis_url) as client:

        async def hit(q: str) -> dict[str, Any]:
            answer = await client.get(f"/api/runs/{RUN}/search", params={"q": q})
            found: dict[str, Any] = answer.json()["hits"][0]
            return found

        long, call, line = await hit("needle"), await hit("down kind:llm"), await hit("nearly")
        logs = (await client.get(f"/api/logs/{RUN}")).json()["logs"]
    assert long["matches"] == [
        {"field": "attributes.long", "before": "…" + "x" * 60, "match": "Needle", "after": "y" * 60 + "…"}
    ]
    assert [match["field"] for match in call["matches"]] == ["error.message", "kind"]
    assert (call["name"], call["kind"], call["status"], call["start"]) == (
        "chat Größe", "llm_call", "error", START + 20,
    )  # fmt: skip
    assert (line["name"], line["start"]) == ("look up", START + 10)
    assert [event["message"] for event in logs if event["seq"] == line["seq"]] == ["the quota is nearly used"]
    assert line["matches"][0]["field"] == "log.message"


async def test_hits_page_by_start(new_redis_url: str) -> None:
    ids = [f"{number:016x}" for number in range(1, 26)]
    with Writer(new_redis_url) as writer:
        writer.span(RUN)
        changes = [
            Change(span_id, ROOT_SPAN, [state(RUN, span_id, parent_id=ROOT_SPAN, name="step", start=START + 100 - at)])
            for at, span_id in enumerate(ids)
        ]
        writer.write(RUN, changes)
    async with running_app(new_redis_url) as client:
        pages: list[list[str]] = []
        cursor: str | None = None
        while not pages or cursor:
            params: dict[str, str | int] = {"q": "step", "limit": 10, **({"cursor": cursor} if cursor else {})}
            answer = (await client.get(f"/api/runs/{RUN}/search", params=params)).json()
            assert (answer["found"], answer["is_whole"]) == (25, True)
            cursor = answer["next_cursor"]
            pages.append([hit["span_id"] for hit in answer["hits"]])
    assert [len(page) for page in pages] == [10, 10, 5]
    assert [one for page in pages for one in page] == ids[::-1]


async def test_a_large_run_is_searched_part_by_part(new_redis_url: str) -> None:
    """A request stops at its bound, says so, and the next one goes on: nothing is left out, nothing comes twice."""
    ids = [f"{number:016x}" for number in range(1, 3_001)]
    with Writer(new_redis_url) as writer:
        changes = [Change(one, "", [state(RUN, one, name="step", attributes={"text": "x" * 50})]) for one in ids]
        writer.write(RUN, changes)
        writer.lines(RUN, 40)

    async def stays() -> bool:
        return False

    async with running_app(new_redis_url) as client:
        redis = client.app.state.services.redis  # type: ignore[attr-defined]
        search, found, cursor, parts = RunSearch(redis, max_bytes=200_000), [], None, 0
        while not parts or cursor:
            answer = await search.search(RUN, "step", cursor=cursor, limit=1_000, has_left=stays)
            assert not answer.is_whole
            cursor = answer.next_cursor
            found += [hit.span_id for hit in answer.hits]
            parts += 1
    assert parts >= 3
    assert sorted(filter(None, found)) == ids


async def test_what_was_redacted_cannot_be_found(new_redis_url: str) -> None:
    secret = "sk-ant-api03-" + "Zq7" * 12
    span = {
        "traceId": OTHER_RUN, "spanId": CALL, "name": "call", "kind": 1, "startTimeUnixNano": str(START * 1000),
        "endTimeUnixNano": str(START * 1000 + 1000),
        "attributes": [
            {"key": "note", "value": {"stringValue": f"key {secret} here"}},
            {"key": "password", "value": {"stringValue": "correct-horse"}},
        ],
    }  # fmt: skip
    body = orjson.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
    async with running_app(new_redis_url) as client:
        taken = await client.post("/v1/traces", content=body, headers={"content-type": "application/json"})
        assert taken.status_code == 200

        async def found(q: str) -> int:
            answer = await client.get(f"/api/runs/{OTHER_RUN}/search", params={"q": q})
            count: int = answer.json()["found"]
            return count

        counts = [await found(q) for q in ("note", secret, secret[:20], "correct-horse", f"note:{secret}")]
    assert counts == [1, 0, 0, 0, 0]
