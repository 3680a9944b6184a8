"""Every operation on the page: its run, its layers, its events, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import expect

from spantail_service.operations.catalogue import CATALOGUE
from tests.e2e.page import RunPage, exact_usd
from tests.e2e.viewer import Viewer, client_of
from tests.support.page.browser import open_page
from tests.support.work.held_world import SEED
from tests.support.work.operation_inputs import an_input

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.support.service.process import ServiceProcess


async def test_every_operation_is_shown_on_the_page(service: ServiceProcess, browser: Browser) -> None:
    async with client_of(service.url) as client, open_page(browser, service.url) as (page, _):
        run = RunPage(page)
        for name, op in CATALOGUE.items():
            viewer = await Viewer.start(client, f"/api/operations/{name}", an_input(name, SEED))
            await page.goto(f"/runs/{viewer.run_id}")
            await expect(run.status).to_have_text("completed")
            await expect(run.layers).to_have_count(len(op.layers))
            await expect(run.rows(kind="operation", name=op.title)).to_have_attribute("data-status", "ok")
            await run.livetail.get_by_role("searchbox", name="Filter events").fill("llm_call_complete")
            await expect(run.livetail.locator('[data-event="llm_call_complete"]').first).to_be_visible()
            summary = (await client.get(f"/api/runs/{viewer.run_id}")).json()
            assert summary["cost_nano"] > 0
            total = run.backends.get_by_role("row", name="total").get_by_role("cell").last
            await expect(total).to_have_attribute("title", exact_usd(summary["cost_nano"]))
