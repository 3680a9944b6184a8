"""axe finds nothing: each page in each state, light and dark, on a desk and on a telephone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.e2e.states import DESK, TELEPHONE, states_of
from tests.support.axe import violations_of

if TYPE_CHECKING:
    from playwright.async_api import Browser

AS_ON_A_DESK: Final = ("empty", "run-menu", "components", "details-error", "no-run")
"""States of which a telephone shows nothing else."""

COLOURS: Final = ["color-contrast"]
"""Half of what axe takes its time for; a telephone has those of a desk."""


async def test_axe_finds_nothing(new_redis_url: str, browser: Browser) -> None:
    found: list[str] = []
    async for state, page in states_of(new_redis_url, browser):
        await page.emulate_media(color_scheme="light")
        found += [f"{state}: {fault}" for fault in await violations_of(page)]
        await page.emulate_media(color_scheme="dark")
        found += [f"{state}, dark: {fault}" for fault in await violations_of(page, COLOURS)]
        if state not in AS_ON_A_DESK:
            await page.set_viewport_size(TELEPHONE)
            found += [f"{state}, telephone: {fault}" for fault in await violations_of(page, without=COLOURS)]
            await page.set_viewport_size(DESK)
    assert not found, "\n".join(found)
