"""A run in Jaeger is the run that the page shows: through a real Collector and a real Jaeger, span by span.

Every operation, started at once and from the queue. What Jaeger has is compared with both of our own answers: the
export as OTLP, with everything in it, and the snapshot that the page reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from spantail_service.operations.catalogue import CATALOGUE
from tests.e2e.viewer import SMALL_SEARCH, Viewer, client_of
from tests.interop.same_tree import check_run, check_same_tree
from tests.support.otlp.requests import PROTOBUF
from tests.support.work.held_world import SEED
from tests.support.work.operation_inputs import an_input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.interop.conftest import Stage

pytestmark = pytest.mark.xdist_group("jaeger")  # what its fixtures start is started once


async def _start(client: httpx.AsyncClient, name: str, body: Mapping[str, Any], **query: str) -> Viewer:
    answer = await client.post(f"/api/operations/{name}", params=query, json=body)
    assert answer.status_code == httpx.codes.ACCEPTED, answer.text
    return Viewer(client, answer.json()["run_id"])


@pytest.mark.parametrize("query", [{}, {"queue": "true"}], ids=["at once", "from the queue"])
async def test_every_operation_is_in_jaeger_as_it_is_here(stage: Stage, query: dict[str, str]) -> None:
    async with client_of(stage.service.url) as client:
        viewers = [await _start(client, name, an_input(name, SEED), **query) for name in CATALOGUE]
        spans = [span for viewer in viewers for span in await check_run(stage.jaeger, viewer)]
    kinds = {span["kind"] for span in spans}
    assert {"operation", "layer", "llm_call", "llm_group", "retrieval"} <= kinds
    assert ("queue" in kinds) is bool(query)
    for name in ("backend", "cost_nano", "span_events", "resource", "scope"):
        assert [span for span in spans if span.get(name)], f"nothing has {name}, so nothing of it was compared"


async def test_what_goes_wrong_is_in_jaeger_as_it_is_here(stage: Stage) -> None:
    async with client_of(stage.service.url) as client:
        search = {"job_titles": ["python developer", "[[demo-error 500 himalayas]] nurse"], "max_results": 2}
        failed = await check_run(stage.jaeger, await _start(client, "job-search", search))
        (error,) = [span for span in failed if span["status"] == "error"]
        assert "exception" in [event["name"] for event in error["span_events"]]
        assert "skipped" in {span["status"] for span in failed}, "a backend that is not installed"
        assert [span for span in failed if span.get("fallback_from")]

        # So that all of this shows something: what comes a second time is there twice.
        (root,) = [span["run_id"] for span in failed if span["parent_id"] is None]
        again = stage.jaeger.trace(root)
        assert again is not None
        to_jaeger = f"{stage.jaeger.otlp_http}/v1/traces"
        (await client.post(to_jaeger, content=again.SerializeToString(), headers=PROTOBUF)).raise_for_status()
        with pytest.raises(AssertionError, match="a span that is there twice"):
            check_same_tree(stage.jaeger.spans(root), failed)


async def test_a_cancelled_run_and_the_one_that_takes_its_place(stage: Stage) -> None:
    async with client_of(stage.service.url) as client:
        stage.world.gate.shut("himalayas")
        answer = await client.post("/api/operations/job-search?queue=true", json={**SMALL_SEARCH})
        item = answer.json()
        held = Viewer(client, item["run_id"])
        await stage.world.gate.held("himalayas")
        assert (await client.post(f"/api/runs/{held.run_id}/cancel")).is_success
        assert "cancelled" in {span["status"] for span in await check_run(stage.jaeger, held)}
        stage.world.gate.open("himalayas")
        again = await client.post(f"/api/queue/{item['item_id']}/retry")
        assert again.is_success, again.text
        spans = await check_run(stage.jaeger, Viewer(client, again.json()["run_id"]))
        (root,) = [span for span in spans if span["parent_id"] is None]
        assert held.run_id in {link["run_id"] for link in root["links"]}
