"""Takes a picture of the page in each of its states: `python -m tests.e2e FOLDER`.

Light and dark on a desk, as wide as a telephone, in a contrast theme, and on paper.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import redis

from tests.e2e.rare_states import away_states_of, full_states_of, long_list_of
from tests.e2e.states import DESK, TELEPHONE, states_of
from tests.support import tools
from tests.support.page.browser import chromium
from tests.support.redis.servers import NEW, running_redis

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, Page, ViewportSize

PAPER: Final[ViewportSize] = {"width": 718, "height": 1_030}
"""A sheet of A4 without its margins."""

_HAS_STYLES: Final = """(name) => !document.querySelector(".topbar, #components")
  || [...document.styleSheets].some((sheet) => sheet.href?.includes(`/${name}-`))"""


async def photograph(redis_url: str, folder: Path) -> None:
    """Write `{state}-{look}.png` into `folder`, which is there."""
    async with chromium(tools.chromium()) as browser:
        async for state, page in _all_states_of(redis_url, browser):
            for look, viewport, dark in (("light", DESK, False), ("dark", DESK, True), ("narrow", TELEPHONE, False)):
                await page.set_viewport_size(viewport)
                await page.emulate_media(color_scheme="dark" if dark else "light")
                await page.evaluate("document.fonts.ready")
                await page.screenshot(
                    path=folder / f"{state}-{look}.png", animations="disabled", full_page=state == "components"
                )
            await _in_a_contrast_theme(page, folder / f"{state}-contrast.png")
            await _on_paper(page, folder / f"{state}-paper.png")
            await page.set_viewport_size(DESK)
            print(f"{folder}/{state}-*.png")


async def _in_a_contrast_theme(page: Page, file: Path) -> None:
    await page.set_viewport_size(DESK)
    await page.emulate_media(forced_colors="active", color_scheme="dark")
    await page.wait_for_function(_HAS_STYLES, arg="forced")
    await page.screenshot(path=file, animations="disabled")
    await page.emulate_media(forced_colors="none", color_scheme="light")


async def _on_paper(page: Page, file: Path) -> None:
    await page.set_viewport_size(PAPER)
    await page.emulate_media(media="print")
    await page.wait_for_function(_HAS_STYLES, arg="print")
    await page.evaluate("dispatchEvent(new Event('beforeprint'))")
    await page.screenshot(path=file, full_page=True)
    await page.evaluate("dispatchEvent(new Event('afterprint'))")
    await page.emulate_media(media="null")


async def _all_states_of(redis_url: str, browser: Browser) -> AsyncIterator[tuple[str, Page]]:
    for states in (states_of, full_states_of, long_list_of, away_states_of):
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()
        async for each in states(redis_url, browser):
            yield each


def main() -> None:
    """Start what is needed, and take the pictures."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "site/states")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="spantail-") as data, running_redis(NEW, Path(data)) as server:
        asyncio.run(photograph(server.url, folder))


if __name__ == "__main__":
    main()
