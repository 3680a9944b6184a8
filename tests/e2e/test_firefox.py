"""The page in Firefox: the other engine has its own ideas of sockets, keys, canvases and styles.

What the page does is tested in Chromium; here is what engines differ in, in as few steps as show it.
"""

from __future__ import annotations

import asyncio
import re
import signal
import time
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.e2e.page import RunPage
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer, spantail_process
from tests.support.page.browser import open_page
from tests.support.page.firefox import firefox

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Page, ViewportSize

DESK: ViewportSize = {"width": 1440, "height": 900}
STEP, CALL = "00f067aa0ba902b8", "00f067aa0ba902b9"
MESSAGES = '[{"role": "user", "parts": [{"type": "text", "content": "Which **job** fits?"}]}]'


def _finished(writer: Writer) -> None:
    writer.span(RUN)
    writer.span(RUN, STEP, parent_id=ROOT_SPAN, kind="layer", name="score", start=START + 10, end=START + 400_000)
    writer.span(
        RUN, CALL, parent_id=STEP, kind="llm_call", name="chat small", model="small", backend="openrouter",
        start=START + 20_000, end=START + 300_000, attributes={"gen_ai.input.messages": MESSAGES},
    )  # fmt: skip
    writer.span(RUN, end=START + 500_000)


async def test_the_page_works_in_firefox(
    new_redis_url: str, built_page: None, firefox_path: str, tmp_path: Path
) -> None:
    arguments = ["serve", "--redis-url", new_redis_url]
    with Writer(new_redis_url) as writer:
        _finished(writer)
        writer.span(OTHER_RUN, name="nightly", start=time.time_ns() // 1000)
        with spantail_process(*arguments, "--port", "0", cwd=tmp_path) as service:
            await asyncio.to_thread(service.await_ready)
            url = service.url.rstrip("/")
            async with (
                firefox(firefox_path, tmp_path) as browser,
                open_page(browser, url, viewport=DESK) as (page, said),
            ):
                await _keyboard(page)
                await _shapes(page)
                await _dark(page)
                await _grows(page, writer, "fetch")
                assert not said  # what follows is told to the console by the browser, as it should be
                service.stop(signal.SIGKILL)
                state = page.locator("#connection")
                await expect(state).to_have_attribute("data-phase", "reconnecting")
                port = url.rpartition(":")[2]
                with spantail_process(*arguments, "--port", port, cwd=tmp_path) as again:
                    await asyncio.to_thread(again.await_ready)
                    await _grows(page, writer, "store")
                    await expect(page.locator("#run-notice")).to_be_hidden()
                    assert all("/ws/" in each or "NetworkError" in each for each in said), said
                    said.clear()


async def _keyboard(page: Page) -> None:
    """Arrows, the search, the help and the palette."""
    run = RunPage(page)
    await page.goto(f"/runs/{RUN}")
    await expect(run.row(ROOT_SPAN)).to_be_visible()
    await run.tree.focus()
    for key in ("Home", "ArrowDown", "ArrowDown", "Enter"):
        await page.keyboard.press(key)
    await expect(run.row(CALL)).to_have_attribute("aria-selected", "true")
    await expect(run.details.locator(".prose strong")).to_have_text("job")
    await page.keyboard.press("Escape")
    await expect(run.details).to_be_hidden()
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowLeft")
    await expect(run.row(CALL)).to_be_hidden()

    await page.keyboard.press("/")
    await page.keyboard.type("small")
    await page.keyboard.press("Enter")
    await expect(run.row(CALL)).to_have_attribute("data-found", "")
    await page.keyboard.press("Escape")
    await run.tree.focus()
    for key, name in (("?", "Keys"), ("Control+k", "")):
        await page.keyboard.press(key)
        await expect(page.get_by_role("dialog").locator("visible=true")).to_have_count(1)
        if name:
            await expect(page.get_by_role("dialog", name=name)).to_be_visible()
            await page.set_viewport_size({"width": 390, "height": 600})
            keys = page.get_by_role("group", name="All keys")
            assert not await keys.evaluate("(it) => it.scrollWidth > it.clientWidth")
            await page.set_viewport_size(DESK)
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog").locator("visible=true")).to_have_count(0)


async def _shapes(page: Page) -> None:
    """A part of the time, and the flame graph, which is a canvas."""
    run = RunPage(page)
    small = page.get_by_role("img", name="all of its time is shown")
    await run.tree.press("w")
    await expect(small).to_be_hidden()
    await run.tree.press("0")
    await expect(small).to_be_visible()
    await page.get_by_role("link", name="Flame graph").click()
    flame = page.get_by_role("application", name="Flame graph")
    await expect(flame).to_be_visible()
    await page.wait_for_function(
        "() => { const it = document.querySelector('#flame canvas');"
        " return it.getContext('2d').getImageData(it.width / 2, it.height * 38 / it.clientHeight, 1, 1).data[3] > 0; }"
    )
    await page.get_by_role("link", name="Timeline").click()


async def _dark(page: Page) -> None:
    run = RunPage(page)
    day = await run.colours()
    await page.get_by_role("button", name="Switch between light and dark").click()
    night = await run.colours()
    assert night["background"] != day["background"]
    assert night["text"] != day["text"]
    # bars of scrolling have the page's colours, of which browsers have their own way each
    bars = await page.locator("#run-list").evaluate("(it) => getComputedStyle(it).scrollbarColor")
    assert bars != "auto"


async def _grows(page: Page, writer: Writer, name: str) -> None:
    """A span is seen over a WebSocket as soon as it is there."""
    if OTHER_RUN not in page.url:
        await page.locator(f'.run-item[data-run-id="{OTHER_RUN}"]').click()
    state = page.locator("#connection")
    await expect(state).to_have_attribute("data-phase", "live")
    await expect(state).to_have_attribute("title", re.compile("WebSocket"))
    span_id = name.encode().hex().ljust(16, "0")[:16]
    start = time.time_ns() // 1000
    await asyncio.to_thread(writer.span, OTHER_RUN, span_id, parent_id=ROOT_SPAN, name=name, start=start)
    await expect(RunPage(page).row(span_id)).to_have_attribute("data-status", "running")
