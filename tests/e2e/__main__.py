"""Takes a picture of the page in each of its states: `python -m tests.e2e FOLDER`.

Light and dark on a desk, and as wide as a telephone.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.e2e.states import DESK, TELEPHONE, states_of
from tests.support import tools
from tests.support.page.browser import chromium
from tests.support.redis.servers import NEW, running_redis


async def photograph(redis_url: str, folder: Path) -> None:
    """Write `{state}-{look}.png` into `folder`, which is there."""
    async with chromium(tools.chromium()) as browser:
        async for state, page in states_of(redis_url, browser):
            for look, viewport, dark in (("light", DESK, False), ("dark", DESK, True), ("narrow", TELEPHONE, False)):
                await page.set_viewport_size(viewport)
                await page.emulate_media(color_scheme="dark" if dark else "light")
                await page.evaluate("document.fonts.ready")
                await page.screenshot(
                    path=folder / f"{state}-{look}.png", animations="disabled", full_page=state == "components"
                )
            await page.set_viewport_size(DESK)
            print(f"{folder}/{state}-*.png")


def main() -> None:
    """Start what is needed, and take the pictures."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "site/states")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="spantail-") as data, running_redis(NEW, Path(data)) as server:
        asyncio.run(photograph(server.url, folder))


if __name__ == "__main__":
    main()
