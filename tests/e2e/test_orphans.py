"""Spans whose parent is late, or never comes: in sight from the first moment, and where they belong in the end."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from playwright.async_api import expect

from tests.e2e.page import RunPage
from tests.e2e.viewer import client_of
from tests.support.page.browser import open_page

if TYPE_CHECKING:
    import httpx
    from playwright.async_api import Browser

    from tests.support.service.process import ServiceProcess

RUN = "0af7651916cd43dd8448eb211c80319c"
ROOT, MIDDLE, LEAF = "b7ad6b7169203331", "b7ad6b7169203332", "b7ad6b7169203333"
REMOTE, SERVER = "b7ad6b7169203334", "b7ad6b7169203335"


async def send(client: httpx.AsyncClient, name: str, ids: tuple[str, str], *, service: str, ago_s: float) -> None:
    """One ended span of a millisecond, by its own id and its parent's, that began `ago_s` seconds ago."""
    span_id, parent = ids
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = service
    span = group.scope_spans.add().spans.add(name=name)
    span.trace_id, span.span_id = bytes.fromhex(RUN), bytes.fromhex(span_id)
    span.parent_span_id = bytes.fromhex(parent)
    start_ns = int((time.time() - ago_s) * 1e9)
    span.start_time_unix_nano, span.end_time_unix_nano = start_ns, start_ns + 1_000_000
    headers = {"content-type": "application/x-protobuf"}
    answer = await client.post("/v1/traces", content=request.SerializeToString(), headers=headers)
    assert answer.status_code == 200


async def test_a_late_parent_takes_its_children_and_a_missing_one_keeps_its_place(
    service: ServiceProcess, browser: Browser
) -> None:
    async with client_of(service.url) as client, open_page(browser, service.url) as (page, _):
        await send(client, "query", (LEAF, MIDDLE), service="database", ago_s=60)
        await page.goto(f"/runs/{RUN}")
        run = RunPage(page)
        held = run.row(MIDDLE)
        await expect(held).to_have_attribute("data-status", "missing")
        await expect(held).to_contain_text("parent span")
        await expect(run.row(LEAF)).to_have_attribute("aria-level", "2")

        await send(client, "handler", (MIDDLE, ROOT), service="shop", ago_s=90)
        await expect(run.row(MIDDLE)).to_have_attribute("data-status", "ok")
        await expect(run.row(ROOT)).to_have_attribute("data-status", "missing")
        await expect(run.row(LEAF)).to_have_attribute("aria-level", "3")

        await send(
            client, "GET /cart", (ROOT, ""), service="gateway", ago_s=180
        )  # minutes before its children, and after them
        await expect(run.rows(status="missing")).to_have_count(0)
        await expect(run.row(ROOT)).to_have_attribute("aria-level", "1")
        await expect(run.row(LEAF)).to_have_attribute("aria-level", "3")

        await send(
            client, "POST /pay", (SERVER, REMOTE), service="bank", ago_s=30
        )  # called by somebody who tells us nothing
        await page.reload()  # the run was settled: a page that has seen its end does not ask again
        await expect(run.rows(status="missing")).to_have_count(1)
        await expect(run.row(REMOTE)).to_contain_text("parent span")
        await expect(run.row(SERVER)).to_have_attribute("aria-level", "2")
        (listed,) = (await client.get("/api/runs")).json()["runs"]
        assert (listed["name"], listed["service"], listed["spans"]) == ("GET /cart", "gateway", 4)
