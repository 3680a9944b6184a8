"""A run over OTLP that has settled: what another service sends of it later shows on the page without a reload."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from playwright.async_api import expect

from tests.e2e.page import RunPage
from tests.integration.service.harness import ROOT_SPAN, RUN, START
from tests.support.otlp.requests import PROTOBUF, traces
from tests.support.page.browser import open_page

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

    from tests.support.service.process import ServiceProcess


async def _send(page: Page, service: str, span_id: str, name: str, parent_id: str = "") -> None:
    span = Span(
        trace_id=bytes.fromhex(RUN), span_id=bytes.fromhex(span_id), parent_span_id=bytes.fromhex(parent_id), name=name,
        start_time_unix_nano=START * 1_000, end_time_unix_nano=(START + 9) * 1_000,
    )  # fmt: skip
    body = traces({"service.name": service}, [span]).SerializeToString()
    answer = await page.request.post("/v1/traces", data=body, headers=PROTOBUF)
    assert answer.status == 200


async def test_late_spans_show_while_one_looks(service: ServiceProcess, browser: Browser) -> None:
    async with open_page(browser, service.url) as (page, _complaints):
        await _send(page, "gateway", ROOT_SPAN, "GET /cart")
        await page.goto(f"/runs/{RUN}")
        run = RunPage(page)
        await expect(run.status).to_have_text("completed")
        await expect(page.locator("#connection")).to_have_attribute("data-phase", "settled")
        for number in (1, 2):
            await _send(page, "stock", f"{number:016x}", f"reserve {number}", ROOT_SPAN)
            await expect(run.tree.get_by_text(f"reserve {number}")).to_be_visible()
            await expect(page.locator("#connection")).to_have_attribute("data-phase", "settled")
