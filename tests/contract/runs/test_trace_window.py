"""`GET /api/traces/{run_id}/window`: a part of a large trace, made from an index that is kept current."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from spantail_service.runs import snapshot
from spantail_service.trace_windows import run_spans
from tests.contract.runs import large_runs
from tests.contract.runs.large_runs import child
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer, running_app

if TYPE_CHECKING:
    import httpx
    import pytest


fill = partial(large_runs.fill, apart_us=1, cost_nano=10, tokens={"input": 1}, attributes={"a": 1})


async def read(client: httpx.AsyncClient, **query: Any) -> dict[str, Any]:
    return await large_runs.read(client, "window", **query)


def ids(window: dict[str, Any]) -> list[str]:
    return [span["span_id"] for span in window["spans"]]


async def test_a_window_is_a_part_of_the_snapshot_and_says_what_is_folded(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN, name="job search")
        fill(writer, 1, 60)
        fill(writer, 61, 1, status="error", error={"type": "E", "message": "m", "traceback": "long"})
        async with running_app(redis_url) as client:
            tree = (await client.get(f"/api/traces/{RUN}?fields=tree")).json()
            window = await read(client, limit=20)
            assert window["complete"] is True
            assert window["indexed"] == 62
            assert window["run"].items() >= tree["run"].items()
            assert window["next_index"] == tree["next_index"]
            states = {span["span_id"]: span for span in tree["spans"]}
            assert window["spans"] == [states[span_id] for span_id in ids(window)]
            assert {ROOT_SPAN, child(1), child(61)} <= set(ids(window)), "the first ones, what runs, what failed"
            folded = window["folded"][ROOT_SPAN]
            assert folded["spans"] == 62 - len(ids(window))
            assert (folded["errors"], folded["running"], folded["cost_nano"]) == (0, 0, folded["spans"] * 10)
            rest = await read(client, root=ROOT_SPAN, depth=1, limit=500, after=folded["after"])
            assert set(ids(window)) | set(ids(rest)) == set(states)
            late = await read(client, **{"from": START + 59, "to": START + 60})
            assert set(ids(late)) >= {ROOT_SPAN, child(58), child(59), child(60)}
            assert child(30) not in ids(late) or len(ids(late)) < 62


async def test_a_run_comes_whole_up_to_a_size_and_else_by_its_first_window(redis_url: str) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN)
        fill(writer, 1, 9)
        async with running_app(redis_url) as client:
            path = f"/api/traces/{RUN}?fields=tree&whole_up_to="
            assert (await client.get(f"{path}10")).json() == (await client.get(f"/api/traces/{RUN}?fields=tree")).json()
            assert (await client.get(f"{path}9")).json() == await read(client)
            assert (await client.get(f"{path}-1")).status_code == 422


async def test_a_window_is_as_new_as_the_tail(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Writer(redis_url) as writer:
        writer.span(RUN)
        async with running_app(redis_url) as client:
            assert ids(await read(client)) == [ROOT_SPAN]
            fill(writer, 1, 3)
            writer.span(RUN, child(9), parent_id=child(3), start=START + 9)
            writer.lines(RUN, 3)
            assert ids(await read(client)) == [ROOT_SPAN, child(1), child(2), child(3), child(9)]
            writer.span(RUN, child(9), parent_id=child(3), start=START + 9, end=START + 10, status="error")
            monkeypatch.setattr(run_spans, "_EVENTS", 1)
            window = await read(client, depth=0, limit=1)
            assert window["folded"][""]["errors"] == 1
            assert window["folded"][""]["running"] == 1, "the root"
            writer.redis.flushall()
            writer.span(RUN)
            fill(writer, 4, 1)
            assert ids(await read(client)) == [ROOT_SPAN, child(4)], "another epoch"


async def test_what_there_is_of_an_index_is_answered_while_it_is_built(
    new_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    large_runs.read_slowly(monkeypatch)
    with Writer(new_redis_url) as writer:
        writer.span(RUN)
        fill(writer, 1, 600)
    async with running_app(new_redis_url) as client:
        first = await read(client)
        assert first["complete"] is False
        assert ids(first)[0] == ROOT_SPAN
        assert 20 <= first["indexed"] < 601
        window = await read(client)
        while not window["complete"]:
            window = await read(client)
        assert window["indexed"] == 601
        assert window["folded"][ROOT_SPAN]["spans"] == 601 - len(ids(window))


async def test_a_run_that_is_too_large_for_a_snapshot_has_windows(
    new_redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "MOST_SPANS", 3)
    with Writer(new_redis_url) as writer:
        writer.span(RUN)
        fill(writer, 1, 3)
    async with running_app(new_redis_url) as client:
        answer = await client.get(f"/api/traces/{RUN}")
        assert answer.status_code == 413
        assert answer.json()["detail"].endswith(f"Read it in parts: /api/traces/{RUN}/window")
        assert len(ids(await read(client))) == 4
