"""Clock skew in the answers: estimated when asked for, never stored, and no change of what is exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from spantail_service.runs import clock_skew_cache
from tests.integration.service.harness import ROOT_SPAN, RUN, START, running_app
from tests.support.runs.live_runs import StoredRun

if TYPE_CHECKING:
    import httpx
    import pytest

CALL, BEHIND, RIGHT = "00f067aa0ba902b8", "00f067aa0ba902b9", "00f067aa0ba902ba"
SHIFT = 5_000_000


def otlp(service: str, *spans: tuple[str, str, int, int]) -> dict[str, Any]:
    """Spans of a service: id, parent, begin and length in microseconds."""
    return {
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]},
        "scopeSpans": [
            {
                "spans": [
                    {
                        "traceId": RUN, "spanId": span_id, "parentSpanId": parent, "name": span_id[-2:], "kind": 1,
                        "startTimeUnixNano": str((START + at) * 1_000),
                        "endTimeUnixNano": str((START + at + took) * 1_000),
                    }
                    for span_id, parent, at, took in spans
                ]
            }
        ],
    }  # fmt: skip


async def send(client: httpx.AsyncClient) -> None:
    body = {
        "resourceSpans": [
            otlp("shop", (ROOT_SPAN, "", 0, 400_000), (RIGHT, CALL, 110_000, 50_000)),
            otlp("bank", (CALL, ROOT_SPAN, 100_000 + SHIFT, 200_000), (BEHIND, CALL, 150_000 + SHIFT, 50_000)),
        ]
    }
    answer = await client.post("/v1/traces", json=body)
    assert (answer.status_code, answer.json()) == (200, {})


async def test_it_is_in_the_answers_and_nowhere_else(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        await send(client)
        whole = (await client.get(f"/api/traces/{RUN}")).json()
        tree = (await client.get(f"/api/traces/{RUN}?fields=tree")).json()
        run = (await client.get(f"/api/runs/{RUN}")).json()
        spans = {one: (await client.get(f"/api/traces/{RUN}/spans/{one}")).json() for one in (ROOT_SPAN, CALL, BEHIND)}
        exported = (await client.get(f"/api/runs/{RUN}/export?format=otlp")).json()
        tail = (await client.get(f"/api/logs/{RUN}")).text
    reported = [{"service": "bank", "host": None, "skew_us": SHIFT, "spans": 2}]
    assert run["clock_skew"] == whole["run"]["clock_skew"] == tree["run"]["clock_skew"] == reported
    for listed in (whole["spans"], tree["spans"]):
        marks = {span["span_id"]: span.get("clock_skew_us") for span in listed}
        assert marks == {ROOT_SPAN: None, RIGHT: None, CALL: SHIFT, BEHIND: SHIFT}
    assert [span.get("clock_skew_us") for span in spans.values()] == [None, SHIFT, SHIFT]
    assert spans[CALL]["start"] == START + 100_000 + SHIFT, "a time is as it was told"
    starts = {
        span["spanId"]: int(span["startTimeUnixNano"]) // 1_000
        for resource in exported["resourceSpans"]
        for scope in resource["scopeSpans"]
        for span in scope["spans"]
    }
    assert starts[CALL] == START + 100_000 + SHIFT
    assert "clock_skew" not in tail + orjson.dumps([exported, StoredRun(redis_url, RUN).spans]).decode()


async def test_several_services_ahead_and_behind_and_parents_that_are_not_there(redis_url: str) -> None:
    """Each service is held against what calls it; whose caller nobody knows is thought right."""
    ahead, behind, orphan, below = (f"00f067aa0ba902{number:02x}" for number in range(4))
    late, nowhere = f"00f067aa0ba902{9:02x}", "00f067aa0ba902ff"
    body = {
        "resourceSpans": [
            otlp("shop", (ROOT_SPAN, "", 0, 1_000_000)),
            otlp("ahead", (ahead, ROOT_SPAN, 100_000 + SHIFT, 800_000)),
            otlp("behind", (behind, ahead, 200_000 - SHIFT, 600_000)),
            otlp("right", (below, behind, 300_000, 400_000)),
            otlp("elsewhere", (orphan, nowhere, 300 * SHIFT, 10)),
            otlp("below elsewhere", (late, orphan, 300 * SHIFT + 2, 5)),
        ]
    }
    async with running_app(redis_url) as client:
        for one in reversed(body["resourceSpans"]):  # callees come first, as they do when callers end last
            assert (await client.post("/v1/traces", json={"resourceSpans": [one]})).json() == {}
        run = (await client.get(f"/api/runs/{RUN}")).json()
        spans = (await client.get(f"/api/traces/{RUN}?fields=tree")).json()["spans"]
    reported = {one["service"]: (one["skew_us"], one["spans"]) for one in run["clock_skew"]}
    assert reported == {"ahead": (SHIFT, 1), "behind": (-SHIFT, 1)}
    marks = {span["span_id"]: span.get("clock_skew_us") for span in spans}
    assert marks == {ROOT_SPAN: None, ahead: SHIFT, behind: -SHIFT, below: None, orphan: None, late: None}
    starts = {span["span_id"]: span["start"] for span in spans}
    assert starts[behind] == START + 200_000 - SHIFT, "a time is as it was told"


async def test_a_child_that_outlives_its_parent_by_less_than_its_length_is_no_skew(redis_url: str) -> None:
    body = {
        "resourceSpans": [
            otlp("shop", (ROOT_SPAN, "", 0, 400_000)),
            otlp("queue", (CALL, ROOT_SPAN, 300_000, 400_000), (BEHIND, ROOT_SPAN, -100_000, 200_000)),
        ]
    }
    async with running_app(redis_url) as client:
        assert (await client.post("/v1/traces", json=body)).json() == {}
        assert "clock_skew" not in (await client.get(f"/api/runs/{RUN}")).json()


async def test_of_a_large_run_it_is_known_from_its_snapshot(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_skew_cache, "FEW_SPANS", 3)
    async with running_app(redis_url) as client:
        await send(client)
        before = (await client.get(f"/api/runs/{RUN}")).json()
        assert "clock_skew" not in before
        assert "clock_skew_us" not in (await client.get(f"/api/traces/{RUN}/spans/{CALL}")).json()
        await client.get(f"/api/traces/{RUN}?fields=tree")
        assert (await client.get(f"/api/traces/{RUN}/spans/{CALL}")).json()["clock_skew_us"] == SHIFT
        assert (await client.get(f"/api/runs/{RUN}")).json()["clock_skew"][0]["service"] == "bank"


async def test_it_is_estimated_anew_when_the_run_has_changed(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        root = {"resourceSpans": [otlp("shop", (ROOT_SPAN, "", 0, 400_000))]}
        assert (await client.post("/v1/traces", json=root)).status_code == 200
        assert "clock_skew" not in (await client.get(f"/api/runs/{RUN}")).json()
        await send(client)
        assert (await client.get(f"/api/runs/{RUN}")).json()["clock_skew"][0]["skew_us"] == SHIFT


async def test_windows_of_a_large_run_say_of_each_span_what_its_snapshot_would(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clock_skew_cache, "FEW_SPANS", 3)
    later = "00f067aa0ba902bb"
    async with running_app(redis_url) as client:
        root = {"resourceSpans": [otlp("shop", (ROOT_SPAN, "", 0, 400_000))]}
        assert (await client.post("/v1/traces", json=root)).status_code == 200
        assert "clock_skew" not in (await client.get(f"/api/traces/{RUN}/window")).json()["run"]
        await send(client)
        window = (await client.get(f"/api/traces/{RUN}/window")).json()
        run = (await client.get(f"/api/runs/{RUN}")).json()
        part = (await client.get(f"/api/traces/{RUN}/window?root={CALL}&depth=0&limit=1")).json()
        early = f"/api/traces/{RUN}/window?from={START + 120_000}&to={START + 300_000}"
        within = [
            {span["span_id"] for span in (await client.get(f"{early}{more}")).json()["spans"]}
            for more in ("", "&adjust=true")
        ]
        flame = (await client.get(f"/api/traces/{RUN}/flame")).json()
        parts = "times", "flame", "critical-path"
        sent = [(await client.get(f"/api/traces/{RUN}/{part}")).json() for part in parts]
        adjusted = [(await client.get(f"/api/traces/{RUN}/{part}?adjust=true")).json() for part in parts]
        # one that comes later, and has not been counted by anybody
        body = {"resourceSpans": [otlp("bank", (later, CALL, 160_000 + SHIFT, 20_000))]}
        assert (await client.post("/v1/traces", json=body)).status_code == 200
        grown = (await client.get(f"/api/traces/{RUN}/window")).json()
        tree = (await client.get(f"/api/traces/{RUN}?fields=tree")).json()
    reported = [{"service": "bank", "host": None, "skew_us": SHIFT, "spans": 2}]
    assert window["run"]["clock_skew"] == run["clock_skew"] == part["run"]["clock_skew"] == reported
    assert [span.get("clock_skew_us") for span in part["spans"]] == [SHIFT]
    # by the time of its own clock it ran five seconds later
    assert BEHIND in within[1] - within[0]
    assert {span["span_id"]: span.get("clock_skew_us") for span in flame["states"]}[CALL] == SHIFT
    assert grown["run"]["clock_skew"] == tree["run"]["clock_skew"]
    assert grown["run"]["clock_skew"][0]["spans"] == 3
    states = {span["span_id"]: span for span in tree["spans"]}
    assert {span["span_id"]: span for span in grown["spans"]} == states
    assert states[later]["clock_skew_us"] == SHIFT
    times, frames, path = sent
    assert (times["start"], times["end"], times["outside"], times["skewed"]) == (START, START + 400_000, 2, 2)
    assert frames["to"] == START + 100_000 + SHIFT + 200_000
    assert CALL not in path["parts"]
    times, frames, path = adjusted
    assert (times["end"], times["outside"], times["skewed"]) == (START + 400_000, 0, 2)
    assert times["gaps"] != sent[0]["gaps"]
    assert frames["to"] == START + 400_000
    assert path["parts"][CALL] == [[START + 200_000, START + 300_000], [START + 100_000, START + 150_000]]
