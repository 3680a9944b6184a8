"""The page follows a run over a WebSocket, over server-sent events where none works, and by polling where neither does;
it says which, and goes on where it was cut.
"""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

import orjson
import pytest
from playwright.async_api import expect

from spantail_exporters.model.changes import Change
from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from playwright.async_api import Browser, WebSocketRoute

TITLES = {"websocket": "WebSocket", "sse": "server-sent events", "poll": "Polled"}


@pytest.mark.parametrize("works", ["websocket", "sse", "poll"])
async def test_the_best_way_that_works_is_taken_and_named(new_redis_url: str, browser: Browser, works: str) -> None:
    with Writer(new_redis_url) as writer:
        writer.span(RUN)
        async with (
            served_app(new_redis_url) as service,
            open_page(browser, f"http://{service.address}") as (page, said),
        ):
            if works != "websocket":
                await page.route_web_socket("**/ws/**", _refuse)
            if works == "poll":
                await page.route("**/api/runs/*/events?*", lambda route: route.abort())
            await page.goto(f"/runs/{RUN}")
            state = page.locator("#connection")
            await expect(state).to_have_attribute("data-phase", "live")
            await expect(state).to_have_attribute("title", re.compile(TITLES[works]))
            for number in range(3):
                child = f"00f067aa0ba902c{number}"
                await asyncio.to_thread(writer.span, RUN, child, parent_id=ROOT_SPAN, name=f"step {number}")
                await expect(page.get_by_role("treegrid", name="Trace tree")).to_contain_text(f"step {number}")
            # no way rounds a number of an application
            note = {"ts": START + 9, "event": "order_taken", "run_id": RUN, "span_id": ROOT_SPAN, "noted": 1,
                    "attributes": {"order": 2**53 + 1}}  # fmt: skip
            await asyncio.to_thread(writer.write, RUN, [Change("", "", [orjson.dumps(note)])])
            await expect(page.get_by_role("region", name="Livetail")).to_contain_text(f"order={2**53 + 1}")
            if works == "poll":
                await said.expect("Failed to load resource")


async def _refuse(route: WebSocketRoute) -> None:
    await route.close(code=1011)


async def test_a_page_survives_the_restart_of_its_service(new_redis_url: str, browser: Browser) -> None:
    with Writer(new_redis_url) as writer:
        writer.span(RUN)
        async with served_app(new_redis_url) as service, open_page(browser, f"http://{service.address}") as (page, _):
            await page.goto(f"/runs/{RUN}")
            state = page.locator("#connection")
            await expect(state).to_have_attribute("data-phase", "live")
            hub = service.services.hub
            for feed in list(hub._feeds.values()):  # as when the process stops, but the port stays
                feed.close()
            await asyncio.to_thread(writer.span, RUN, end=START + 5)
            await expect(state).to_have_attribute("data-phase", "settled")
