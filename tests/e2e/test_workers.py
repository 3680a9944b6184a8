"""Two workers behind one address, as a person meets them: nothing is different."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.e2e.page import RunPage
from tests.support.page.browser import open_page
from tests.support.service.workers import new_connections_go_to

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.e2e.conftest import Start
    from tests.support.work.held_world import HeldWorld


async def test_a_run_is_live_on_each_worker(start: Start, browser: Browser, world: HeldWorld) -> None:
    world.gate.shut("openai")
    async with start(SPANTAIL_WORKERS="2") as service:
        supervisor = service.process.pid
        async with (
            open_page(browser, service.url) as (page, _),
            open_page(browser, service.url) as (second, _),
        ):
            with new_connections_go_to(1, supervisor):
                await page.goto("/")
            one, other = RunPage(page), RunPage(second)
            run_id = await one.start_search("engineer")
            await world.gate.held("openai")
            with new_connections_go_to(2, supervisor):
                await second.goto(f"/runs/{run_id}")
                await expect(other.status).to_have_text("running")
            world.gate.open_all()
            for seen in (one, other):
                await expect(seen.status).to_have_text("completed")
