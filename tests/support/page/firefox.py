"""A real Firefox, driven by Playwright over WebDriver BiDi."""

from __future__ import annotations

import shlex
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from playwright.async_api import async_playwright

from tests.support.page import firefox_relay
from tests.support.tools import ROOT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser

_PREFERENCES: Final[dict[str, str | float | bool]] = {
    # It asks nobody by itself, …
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    # … and starts no processes for pages that never come.
    "dom.ipc.processPrelaunch.enabled": False,
}


@asynccontextmanager
async def firefox(path: str, folder: Path) -> AsyncIterator[Browser]:
    """A headless browser, gone at the end with its profile.

    Args:
        path: The program.
        folder: An empty folder for what Playwright starts.
    """
    program = folder / "firefox"
    relay = shlex.join([sys.executable, "-m", firefox_relay.__name__])
    program.write_text(f'#!/bin/sh\nexec {relay} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    environment: dict[str, str | float | bool] = {
        firefox_relay.FIREFOX: path, "PYTHONPATH": str(ROOT), "HOME": str(folder), "PATH": "/usr/bin:/bin"
    }  # fmt: skip
    async with async_playwright() as playwright:
        browser = await playwright.firefox.launch(
            channel="moz-firefox", executable_path=program, env=environment, firefox_user_prefs=_PREFERENCES
        )
        try:
            yield browser
        finally:
            await browser.close()
