"""axe finds nothing: each page in each state, light and dark, on a desk and on a telephone; and nothing is too wide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.e2e.states import DESK, TELEPHONE, states_of
from tests.support.page.axe import source, violations_of

if TYPE_CHECKING:
    from playwright.async_api import Browser

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
        await page.emulate_media(color_scheme="light")
        found += [f"{state}: {fault}" for fault in await violations_of(page)]
        await page.emulate_media(color_scheme="dark")
        found += [f"{state}, dark: {fault}" for fault in await violations_of(page, COLOURS)]
        if state not in AS_ON_A_DESK:
            await page.set_viewport_size(TELEPHONE)
            found += [f"{state}, telephone: {fault}" for fault in await violations_of(page, without=COLOURS)]
        for width in NARROW:
            await page.set_viewport_size({"width": width, "height": 900})
            if await page.evaluate("document.body.scrollWidth > innerWidth"):
                found.append(f"{state}: wider than {width} px")
        await page.set_viewport_size(DESK)
    assert not found, "\n".join(found)
