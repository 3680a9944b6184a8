"""What the Collector brings back to the service that it came from: no loop, nothing twice, no other money."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from spantail.attributes import RESOURCE_LIVE
from tests.e2e.viewer import SMALL_SEARCH, Viewer, client_of
from tests.interop.collector_counts import accepted_spans
from tests.support.otlp.requests import PROTOBUF
from tests.support.waiting import eventually, eventually_async

if TYPE_CHECKING:
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    from tests.interop.conftest import Stage

pytestmark = pytest.mark.xdist_group("jaeger")  # what its fixtures start is started once

_ROUND_S = 0.5
"""Longer than the way round: the service sends after 100 ms, the Collector after 20 ms, and takes no time itself."""


async def _everything(client: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    """What the service says of a run, in all the forms in which it counts."""
    paths = (f"/api/traces/{run_id}", f"/api/logs/{run_id}?since=0", f"/api/runs/{run_id}")
    return {path: (await client.get(path)).raise_for_status().json() for path in paths}


async def _passed_over(client: httpx.AsyncClient) -> int:
    text = (await client.get("/metrics")).text
    found = re.search(r"^spantail_otlp_passed_over (\S+)$", text, re.MULTILINE)
    assert found, text
    return int(float(found.group(1)))


async def test_a_run_that_comes_back_changes_nothing(stage: Stage) -> None:
    async with client_of(stage.service.url) as client:
        before = await _passed_over(client)
        viewer = await Viewer.start(client, "/api/jobs/search", SMALL_SEARCH)
        await viewer.to_the_end()
        settled = await _everything(client, viewer.run_id)
        count = len(settled[f"/api/traces/{viewer.run_id}"]["spans"])

        async def are_back() -> bool:
            return await _passed_over(client) >= before + count

        await eventually_async(are_back, 30)  # type: ignore[arg-type]  # mypy finds no T in a coroutine
        assert await _everything(client, viewer.run_id) == settled
        await eventually_async(lambda: len(stage.jaeger.spans(viewer.run_id)) == count, 30, what="the run in Jaeger")

        # The mark of where it has been is a courtesy: without it, the ids say the same.
        trace = stage.jaeger.trace(viewer.run_id)
        assert trace is not None
        body = _without_mark(trace).SerializeToString()
        for _ in range(2):
            (await client.post("/v1/traces", content=body, headers=PROTOBUF)).raise_for_status()
        assert await _everything(client, viewer.run_id) == settled
        runs = (await client.get("/api/runs", params={"limit": 100})).json()["runs"]
        assert [run["run_id"] for run in runs].count(viewer.run_id) == 1


def _without_mark(trace: ExportTraceServiceRequest) -> ExportTraceServiceRequest:
    for group in trace.resource_spans:
        (mark,) = [one for one in group.resource.attributes if one.key == RESOURCE_LIVE]
        assert mark.value.bool_value is True
        group.resource.attributes.remove(mark)
    return trace


async def test_the_request_that_started_a_run_is_a_trace_of_its_own(stage: Stage) -> None:
    """The run's root links to the request's span: it is in Jaeger, and no run here."""
    async with client_of(stage.service.url) as client:
        viewer = await Viewer.start(client, "/api/jobs/search", SMALL_SEARCH)
        await viewer.to_the_end()
        (root,) = [span for span in (await viewer.spans()).values() if span["parent_id"] is None]
        (link,) = root["links"]
        spans = await eventually_async(lambda: stage.jaeger.spans(link["run_id"]), 30, what="the request's span")
        (request,) = [span for span in spans if span.span_id.hex() == link["span_id"]]
        assert (request.name, request.kind) == ("POST /api/jobs/search", request.SPAN_KIND_SERVER)
        assert (await client.get(f"/api/traces/{link['run_id']}")).status_code == httpx.codes.NOT_FOUND


def test_nothing_goes_round(stage: Stage) -> None:
    """What the service takes in makes no span that the Collector would bring again, and so on."""

    def is_quiet() -> bool:
        first = accepted_spans(stage.collector)
        time.sleep(_ROUND_S)
        return accepted_spans(stage.collector) == first > 0

    eventually(is_quiet, 20, what="the Collector takes in nothing more")
