"""A page that was left open while its machine slept: timers come late, its sockets are dead without knowing it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.e2e.page import RunPage
from tests.integration.service.harness import OTHER_RUN, RUN, Writer
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, WebSocketRoute

NIGHT = "09:00:00"
ANOTHER_BUILD = '<!doctype html><script type="module" src="/assets/index-0therBld.js"></script>'


async def test_a_page_is_right_in_the_morning(new_redis_url: str, browser: Browser) -> None:
    evening_us = time.time_ns() // 1_000
    with Writer(new_redis_url) as writer:
        writer.span(RUN, name="nightly", start=evening_us)
        async with (
            served_app(new_redis_url) as served,
            served.client() as client,
            open_page(browser, f"http://{served.address}") as (page, said),
        ):
            wire = Wire()
            await page.route_web_socket("**/ws/**", wire.connect)
            await page.clock.install()
            run = RunPage(page)
            await page.goto(f"/runs/{RUN}")
            await expect(run.status).to_have_text("running")
            await expect(page.locator("#connection")).to_have_attribute("data-phase", "live")
            await expect(page.locator(f'.run-item[data-run-id="{RUN}"]')).to_be_visible()

            # asleep: the run ends, another one comes, and the service is updated
            await page.context.set_offline(True)
            wire.cut()
            await asyncio.to_thread(writer.span, RUN, name="nightly", start=evening_us, end=evening_us + 60_000_000)
            await asyncio.to_thread(writer.span, OTHER_RUN, name="early", start=evening_us + 90_000_000)
            await page.clock.fast_forward(NIGHT)
            await expect(page.get_by_text("This list is not up to date.")).to_be_visible()

            # awake
            await page.route("/", lambda route: route.fulfill(content_type="text/html", body=ANOTHER_BUILD))
            await page.context.set_offline(False)
            await expect(run.status).to_have_text("completed")
            await expect(page.locator("#run-length")).to_have_text("1 m 00 s")
            early = page.locator(f'.run-item[data-run-id="{OTHER_RUN}"]')
            await expect(early).to_have_attribute("data-status", "running")
            await expect(page.get_by_text("The service was updated.")).to_be_visible()
            await expect(page.get_by_text("This list is not up to date.")).to_be_hidden()

            # the queue's socket dies in a sleep of which the network knows nothing
            await page.get_by_role("link", name="Queue").click()
            await expect(page.get_by_text("The queue is empty.")).to_be_visible()
            wire.cut()
            item = {"operation": "job-search", "input": {"job_titles": ["welder"]}}
            assert (await client.post("/api/queue", json=item)).status_code == 202
            await page.clock.fast_forward(NIGHT)
            await expect(page.locator('#queue-page [data-kind="item"]')).to_contain_text("welder", timeout=5_000)
            await _only_of_the_night(page, said)


async def _only_of_the_night(page: Page, said: list[str]) -> None:
    """What the browser says by itself of requests without a network."""
    await page.evaluate("0")
    assert all("ERR_INTERNET_DISCONNECTED" in each for each in said), said
    said.clear()


class Wire:
    """What sockets go through; one that was cut is open, and silent."""

    def __init__(self) -> None:
        self._cuts = 0

    def cut(self) -> None:
        """Silence all sockets that are open now."""
        self._cuts += 1

    def connect(self, socket: WebSocketRoute) -> None:
        """Hand on what both sides say, until the wire is cut."""
        server = socket.connect_to_server()
        connected = self._cuts
        server.on_message(lambda message: socket.send(message) if self._cuts == connected else None)
        socket.on_message(lambda message: server.send(message) if self._cuts == connected else None)
