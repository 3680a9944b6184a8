"""`GET /api/runs`: the list, and one run."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from spantail_exporters.model import keys, limits
from spantail_service.errors import RunExpiredError, RunNotFoundError
from spantail_service.runs.absence import why_missing
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer, running_app

ITEM_KEYS = {
    "run_id", "name", "operation", "status", "start", "end", "spans", "open", "errors", "cost_usd", "cost_nano",
    "unpriced", "fallbacks", "backends", "models", "service", "environment", "version", "dropped",
    "demo", "abandoned", "corrected", "maybe_incomplete",
    "stale", "pinned", "imported",
}  # fmt: skip


def _ids(count: int) -> list[str]:
    return [f"{n:032x}" for n in range(1, count + 1)]


async def test_an_empty_list(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        assert (await client.get("/api/runs")).json() == {"runs": [], "next_cursor": None}


@pytest.mark.parametrize("apart", [1, 0], ids=["one after the other", "in the same microsecond"])
async def test_newest_first_and_every_run_once(redis_url: str, apart: int) -> None:
    ids = _ids(23)
    with Writer(redis_url) as writer:
        for n, run_id in enumerate(ids):
            writer.span(run_id, start=START + n * apart)
        async with running_app(redis_url) as client:
            first = (await client.get("/api/runs?limit=10")).json()
            writer.span("f" * 32, start=START + 10**6)  # a run that starts meanwhile moves nothing
            seen, cursor = [run["run_id"] for run in first["runs"]], first["next_cursor"]
            while cursor:
                page = (await client.get("/api/runs", params={"limit": 5, "cursor": cursor})).json()
                seen += [run["run_id"] for run in page["runs"]]
                cursor = page["next_cursor"]
    assert seen == ids[::-1]


async def test_what_a_run_shows(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN, name="root", attributes={"spantail.run.name": "named"})
        for n, account in enumerate(
            ("0 0 120 42 990000 claude_cli\n", "1 1 0 0 0 claude_cli\n", "0 0 5 6 10000 langchain\nclaude_cli")
        ):
            writer.span(
                RUN, f"{n + 1:016x}", parent_id=ROOT_SPAN, kind="llm_call", account=account, end=START + 3,
                **({"status": "error"} if n == 1 else {}),
            )  # fmt: skip
        writer.span(RUN, name="root", attributes={"spantail.run.name": "named"}, end=START + 9)
    async with running_app(redis_url) as client:
        (item,) = (await client.get("/api/runs")).json()["runs"]
        one = (await client.get(f"/api/runs/{RUN}")).json()
    assert set(item) == ITEM_KEYS
    assert item["name"] == "named"
    assert item["operation"] == "root"
    assert item["status"] == "completed"
    assert (item["start"], item["end"]) == (START, START + 9)
    assert (item["spans"], item["open"], item["errors"]) == (4, 0, 1)
    assert item["cost_nano"] == 1_000_000
    assert item["cost_usd"] == 0.001
    assert (item["unpriced"], item["fallbacks"]) == (1, 1)
    assert set(item["backends"]) == {"claude_cli", "langchain"}
    assert item["demo"] is False
    assert one == {
        **item, "layers": [], "links": {}, "first_index": 0, "next_index": 5, "expected_log_count": 5,
        "epoch": one["epoch"],
    }  # fmt: skip


async def test_expired_runs_are_left_out_queued_ones_are_not(redis_url: str) -> None:
    queued, gone, there = _ids(3)
    with Writer(redis_url) as writer:
        for n, run_id in enumerate((queued, gone, there)):
            writer.span(run_id, start=START + n)
        writer.redis.delete(*keys.run_keys(gone), *keys.run_keys(queued))
        body = b'{"run_id":"x","operation":"job-search","status":"queued","created":7,"demo":true}'
        writer.redis.set(keys.run_keys(queued).state, body)
    async with running_app(redis_url) as client:
        runs = (await client.get("/api/runs")).json()["runs"]
        answer = await client.get(f"/api/runs/{gone}")
    assert [run["run_id"] for run in runs] == [there, queued]
    assert set(runs[1]) == ITEM_KEYS
    assert (runs[1]["status"], runs[1]["operation"], runs[1]["demo"]) == ("queued", "job-search", True)
    assert answer.status_code == 410


async def test_a_short_run_whose_spans_are_on_their_way_has_not_expired(redis_url: str) -> None:
    """Its end is written at once, its spans come in batches: whoever looks in between is not turned away."""
    body = b'{"run_id":"x","operation":"job-search","status":"completed","created":7,"demo":true}'
    paths = (f"/api/runs/{RUN}", f"/api/traces/{RUN}", f"/api/logs/{RUN}", f"/api/runs/{RUN}/search?q=x")
    with Writer(redis_url) as writer:
        async with running_app(redis_url) as client:
            writer.redis.set(keys.run_keys(RUN).state, body, ex=limits.OPEN_EXPIRY_S)
            assert [(await client.get(path)).status_code for path in paths] == [200] * len(paths)
            assert (await client.get(f"/api/runs/{RUN}")).json()["status"] == "running"
            assert (await client.get(f"/api/logs/{RUN}")).json()["expected_log_count"] is None
            assert (await client.get(f"/api/traces/{RUN}/spans/{ROOT_SPAN}")).status_code == 404
            for method, path in (("DELETE", ""), ("POST", "/pin"), ("DELETE", "/pin")):
                assert (await client.request(method, f"/api/runs/{RUN}{path}")).status_code == 409
            assert writer.redis.exists(keys.run_keys(RUN).state) == 1
        writer.redis.expire(keys.run_keys(RUN).state, limits.OPEN_EXPIRY_S - 61)
        async with running_app(redis_url) as client:
            assert [(await client.get(path)).status_code for path in paths] == [410] * len(paths)
            writer.span(RUN)
            assert [(await client.get(path)).status_code for path in paths] == [200] * len(paths)


async def test_a_run_that_begins_while_it_is_looked_for_has_not_expired(redis_url: str) -> None:
    async with Redis.from_url(redis_url) as client:
        with Writer(redis_url) as writer:
            writer.span(RUN)
            assert isinstance(await why_missing(client, RUN), RunNotFoundError)
            writer.redis.delete(*keys.run_keys(RUN))
            assert isinstance(await why_missing(client, RUN), RunExpiredError)


@pytest.mark.parametrize("cursor", ["x", "1", f"1:{RUN}x", f"-1:{RUN}", f"99999999999999999:{RUN}"])
async def test_a_cursor_of_ones_own_making_is_400(redis_url: str, cursor: str) -> None:
    async with running_app(redis_url) as client:
        answer = await client.get("/api/runs", params={"cursor": cursor})
    assert answer.status_code == 400
