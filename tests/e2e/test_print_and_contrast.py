"""A run on paper is whole and has nothing around it; in a contrast theme nothing is said by a ground alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from playwright.async_api import expect

from tests.integration.service.harness import ROOT_SPAN, RUN, START, Writer
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser, Page

SPANS: Final = 200
ROW_PX: Final = 30
PAGE_PX: Final = 1_123
"""Of a sheet of A4."""
FAILED: Final = f"{7:016x}"

_IS_FRAMED: Final = "(selector) => getComputedStyle(document.querySelector(selector)).outlineStyle === 'solid'"
_GROUND: Final = "(element) => getComputedStyle(element).backgroundColor"


async def test_a_run_in_a_contrast_theme_and_on_paper(new_redis_url: str, browser: Browser, tmp_path: Path) -> None:
    with Writer(new_redis_url) as writer:
        for number in range(1, SPANS):
            status = "error" if number == 7 else "ok"
            span = {"parent_id": ROOT_SPAN, "start": START + number, "end": START + number + 9, "status": status}
            writer.span(RUN, f"{number:016x}", **span)
        writer.span(RUN, name="job search", end=START + 1_000_000)
    async with (
        served_app(new_redis_url) as served,
        open_page(browser, f"http://{served.address}", viewport={"width": 1280, "height": 800}) as (page, _),
    ):
        await page.goto(f"/runs/{RUN}?span={FAILED}")
        await expect(page.get_by_role("complementary", name="Span details")).to_contain_text("Duration")
        await _in_a_contrast_theme(page)
        await _on_paper(page, tmp_path / "run.pdf")


async def _in_a_contrast_theme(page: Page) -> None:
    await page.emulate_media(forced_colors="active", color_scheme="dark")
    canvas = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    chosen = '.trace-row[aria-selected="true"]'
    await page.wait_for_function(_IS_FRAMED, arg=chosen)  # its styles come when they are needed
    here = page.locator(".sections a[aria-current]")
    elsewhere = page.locator(".sections a:not([aria-current])").first
    assert await here.evaluate(_GROUND) != await elsewhere.evaluate(_GROUND)
    assert await page.locator(f"{chosen} .bar").evaluate(_GROUND) != canvas
    await page.emulate_media(forced_colors="none")


async def _on_paper(page: Page, file: Path) -> None:
    await page.emulate_media(media="print")
    await expect(page.locator("header.topbar")).to_be_hidden()
    for gone in ("#runs", "#livetail", "#run-find", "#run-menu-button"):
        await expect(page.locator(gone)).to_be_hidden()
    for kept in ("#run-status", "#run-fields", "#trace-rows", "#backends", "#details"):
        await expect(page.locator(kept)).to_be_visible()
    await page.emulate_media(media="null")
    pdf = await page.pdf(path=file, format="A4")
    pages = len(re.findall(rb"/Type\s*/Page\b", pdf))
    assert pages >= SPANS * ROW_PX / PAGE_PX  # every row, not those alone that were in sight
    # On the screen there are again only as many as are seen.
    rows = page.locator("#trace-rows > .trace-row:not([hidden])")
    assert await rows.count() < SPANS / 2
