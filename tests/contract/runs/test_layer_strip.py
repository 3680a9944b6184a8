"""The layer strip is right at every moment: before, while and after layers work, and however a run ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from spantail_exporters.model import keys
from spantail_exporters.model.changes import Change
from spantail_exporters.model.rules.layers import layers_of
from spantail_service.ingest.revival import revived
from spantail_service.reaper.abandonment import RUNNER_DIED, Abandonment, abandoned
from tests.contract.jobs.test_operations import SEARCH, Gate, demo_app
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer, poll_to_the_end, state
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    import httpx


async def strip_of(client: httpx.AsyncClient, run_id: str) -> dict[str, str]:
    """The layers' statuses by their names."""
    layers = (await client.get(f"/api/logs/{run_id}")).json()["layers"]
    return {layer["name"]: layer["status"] for layer in layers}


async def test_pending_running_and_complete(redis_url: str) -> None:
    gate = Gate()
    async with demo_app(redis_url, gate) as client:
        run_id = (await client.post("/api/jobs/search", json=SEARCH)).json()["run_id"]
        assert list(await strip_of(client, run_id)) == ["fetch", "score", "rank", "store"]
        await eventually_async(lambda: gate.waiting > 0)

        async def fetches() -> bool:
            strip = await strip_of(client, run_id)
            return strip == {"fetch": "running", "score": "pending", "rank": "pending", "store": "pending"}

        await eventually_async(fetches)  # type: ignore[arg-type]  # mypy finds no T in a coroutine
        gate.open.set()
        await poll_to_the_end(client, run_id)
        assert set((await strip_of(client, run_id)).values()) == {"complete"}


async def test_what_comes_after_a_failed_layer_is_skipped(redis_url: str) -> None:
    """It fails before anybody looked at it, so that the whole run may come as one batch."""
    async with demo_app(redis_url) as client:
        run_id = (await client.post("/api/jobs/no-such-job/generate-annotations")).json()["run_id"]
        await poll_to_the_end(client, run_id)
        strip = await strip_of(client, run_id)
        snapshot = (await client.get(f"/api/traces/{run_id}")).json()
    assert strip == {"load": "error", "embed": "skipped", "annotate": "skipped", "validate": "skipped"}
    assert {layer["name"]: layer["status"] for layer in snapshot["run"]["layers"]} == strip


async def test_a_cancelled_run_leaves_no_layer_pending(redis_url: str) -> None:
    gate = Gate()
    async with demo_app(redis_url, gate) as client:
        run_id = (await client.post("/api/jobs/search", json=SEARCH)).json()["run_id"]
        await eventually_async(lambda: gate.waiting > 0)
        await client.post(f"/api/runs/{run_id}/cancel")
        await poll_to_the_end(client, run_id)
        assert set((await strip_of(client, run_id)).values()) == {"skipped"}
        gate.open.set()


def stored(writer: Writer) -> dict[str, str]:
    """The same, of the run that is written by hand, as it stands in Redis."""
    layers = orjson.loads(writer.redis.get(keys.run_keys(RUN).layers) or b"[]")
    return {layer["name"]: layer["status"] for layer in layers}


def announcing(status: str, **fields: Any) -> Change:
    """The root of a run with three layers to come."""
    fields["attributes"] = {"spantail.layers": ["fetch", "score", "store"]}
    body = orjson.loads(state(RUN, status=status, **fields))
    return Change(ROOT_SPAN, "", [orjson.dumps(body)], layers=layers_of(body, body["attributes"]))


def a_layer(name: str, span_id: str, status: str, **fields: Any) -> Change:
    body = orjson.loads(
        state(RUN, span_id, parent_id=ROOT_SPAN, kind="layer", name=name, layer=name, status=status, **fields)
    )
    return Change(span_id, ROOT_SPAN, [orjson.dumps(body)], layers=layers_of(body, {}))


def test_an_abandoned_run_and_one_that_comes_back(redis_url: str) -> None:
    root, score = announcing("running"), a_layer("score", "2" * 16, "running")
    died = Abandonment(RUNNER_DIED, START + 9)
    with Writer(redis_url) as writer:
        writer.write(RUN, [root, a_layer("fetch", "1" * 16, "ok", end=START + 2, rev=2), score])
        assert stored(writer) == {"fetch": "complete", "score": "running", "store": "pending"}
        for change in (score, root):
            writer.write(RUN, [abandoned(orjson.loads(change.events[0]), died)])
        assert stored(writer) == {"fetch": "complete", "score": "error", "store": "skipped"}
        back = announcing("running", rev=3, event="operation_revived")
        writer.write(RUN, [back, a_layer("score", "2" * 16, "running", rev=3, event="layer_revived")])
        assert stored(writer) == {"fetch": "complete", "score": "running", "store": "pending"}


def test_a_layer_of_a_process_that_is_heard_again_over_otlp_runs_on(redis_url: str) -> None:
    runner = "web-1:1:1"
    spans = [announcing("running", runner=runner), *(a_layer("score", n * 16, "running", runner=runner) for n in "12")]
    with Writer(redis_url) as writer:
        writer.write(RUN, spans)
        died = [abandoned(orjson.loads(change.events[0]), Abandonment(RUNNER_DIED, START + 9)) for change in spans]
        writer.write(RUN, died)
        assert stored(writer) == {"fetch": "skipped", "score": "error", "store": "skipped"}
        back = [revived(orjson.loads(change.events[0]), runner, START + 20) for change in died]
        writer.write(RUN, [change for change in back if change is not None])
        assert stored(writer) == {"fetch": "pending", "score": "running", "store": "pending"}
        writer.write(RUN, [a_layer("score", "1" * 16, "ok", end=START + 30, rev=2)])
        assert stored(writer)["score"] == "running", "the other one goes on"
        writer.write(RUN, [a_layer("score", "2" * 16, "ok", end=START + 30, rev=2)])
        assert stored(writer)["score"] == "complete"


@pytest.mark.parametrize("status", ["ok", "error", "cancelled", "skipped"])
def test_an_end_that_comes_before_the_layers_does_not_hide_them(redis_url: str, status: str) -> None:
    with Writer(redis_url) as writer:
        writer.write(RUN, [announcing(status, end=START + 9)])
        assert set(stored(writer).values()) == {"skipped"}
        writer.write(RUN, [a_layer("fetch", "1" * 16, "ok", end=START + 2)])
        assert stored(writer) == {"fetch": "complete", "score": "skipped", "store": "skipped"}


def test_a_layer_that_two_spans_work_on_runs_until_the_last_one_ends(redis_url: str) -> None:
    first, second = "1" * 16, "2" * 16
    with Writer(redis_url) as writer:
        writer.write(RUN, [announcing("running"), a_layer("score", first, "running")])
        writer.write(RUN, [a_layer("score", second, "running"), a_layer("fetch", "3" * 16, "running")])
        writer.write(RUN, [a_layer("score", first, "ok", end=START + 2, rev=2)])
        assert stored(writer) == {"fetch": "running", "score": "running", "store": "pending"}
        writer.write(RUN, [a_layer("score", "5" * 16, "ok", end=START + 2, rev=2)])
        assert stored(writer)["score"] == "running", "of a short one the end alone came"
        again = [a_layer("score", first, "ok", end=START + 2, rev=2), a_layer("score", second, "running", rev=2)]
        writer.write(RUN, again)
        assert stored(writer)["score"] == "running"
        writer.write(RUN, [a_layer("score", second, "error", end=START + 3, rev=3)])
        assert stored(writer) == {"fetch": "running", "score": "error", "store": "pending"}
        writer.write(RUN, [a_layer("score", "4" * 16, "running")])
        assert stored(writer)["score"] == "running", "tried again"
        writer.write(RUN, [a_layer("score", "4" * 16, "ok", end=START + 5, rev=2)])
        assert stored(writer)["score"] == "complete"


def test_so_it_is_where_all_comes_at_once_and_where_one_of_them_was_thought_dead(redis_url: str) -> None:
    first, second = (a_layer("score", digit * 16, "running") for digit in "12")
    ended = a_layer("score", "1" * 16, "ok", end=START + 2, rev=2)
    with Writer(redis_url) as writer:
        writer.write(RUN, [announcing("running"), first, second, ended])
        assert stored(writer)["score"] == "running"
        writer.write(RUN, [abandoned(orjson.loads(second.events[0]), Abandonment(RUNNER_DIED, START + 9))])
        assert stored(writer)["score"] == "error"
        writer.write(RUN, [a_layer("score", "2" * 16, "running", rev=3, event="layer_revived")])
        assert stored(writer)["score"] == "running"
        writer.write(RUN, [a_layer("score", "2" * 16, "ok", end=START + 12, rev=4)])
        assert stored(writer)["score"] == "complete"


async def test_many_processes_write_one_strip(redis_url: str) -> None:
    """Layers of one run that are worked on at the same time, each told by a process of its own."""
    names = [f"layer {number}" for number in range(20)]
    body = orjson.loads(state(RUN, attributes={"spantail.layers": names}))

    def work(number: int) -> None:
        with Writer(redis_url) as own:
            span_id = f"{number + 1:016x}"
            own.write(RUN, [a_layer(names[number], span_id, "running")])
            own.write(RUN, [a_layer(names[number], span_id, "ok", end=START + 2, rev=2)])

    with Writer(redis_url) as writer:
        writer.write(RUN, [Change(ROOT_SPAN, "", [orjson.dumps(body)], layers=layers_of(body, body["attributes"]))])
        await asyncio.gather(*(asyncio.to_thread(work, number) for number in range(20)))
        assert stored(writer) == dict.fromkeys(names, "complete")
        assert list(stored(writer)) == names
