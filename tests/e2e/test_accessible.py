"""axe finds nothing: each page in each state, light and dark, on a desk and on a telephone; and nothing is too wide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.e2e.rare_states import full_states_of
from tests.e2e.states import DESK, TELEPHONE, states_of
from tests.support.page.axe import source, violations_of

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

AS_ON_A_DESK: Final = ("empty", "run-menu", "components", "details-error", "no-run")
"""States of which a telephone shows nothing else."""

COLOURS: Final = ["color-contrast"]
"""Half of what axe takes its time for; a telephone has those of a desk."""

NARROW: Final = (768, 390, 320)
"""Widths in pixels to which a page has to fit; the last one is a desk's 1280 at four times its size (WCAG 1.4.10)."""


async def test_axe_finds_nothing(new_redis_url: str, browser: Browser) -> None:
    source()  # without it there is nothing to begin with
    found: list[str] = []
    async for state, page in states_of(new_redis_url, browser):
        found += [f"{state}: {fault}" for fault in await _faults_of(page, on_telephone=state not in AS_ON_A_DESK)]
    assert not found, "\n".join(found)


async def test_axe_finds_nothing_on_full_pages(new_redis_url: str, browser: Browser) -> None:
    source()
    found: list[str] = []
    async for state, page in full_states_of(new_redis_url, browser):
        if state.endswith("-full"):
            found += [f"{state}: {fault}" for fault in await _faults_of(page, on_telephone=True)]
    assert not found, "\n".join(found)


async def _faults_of(page: Page, *, on_telephone: bool) -> list[str]:
    await page.emulate_media(color_scheme="light")
    found = await violations_of(page)
    await page.emulate_media(color_scheme="dark")
    found += [f"dark: {fault}" for fault in await violations_of(page, COLOURS)]
    if on_telephone:
        await page.set_viewport_size(TELEPHONE)
        found += [f"telephone: {fault}" for fault in await violations_of(page, without=COLOURS)]
    for width in NARROW:
        await page.set_viewport_size({"width": width, "height": 900})
        if await page.evaluate("document.body.scrollWidth > innerWidth"):
            found.append(f"wider than {width} px")
    await page.set_viewport_size(DESK)
    return found
