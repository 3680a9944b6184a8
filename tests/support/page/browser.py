"""Real Chromium, and pages on which nothing may go wrong unseen."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from playwright.async_api import async_playwright

from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser, ConsoleMessage, Error, Page, Request

_QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
# Tall enough for every row of a small run, also where a busy machine makes more of them (what takes long to load has a
# row of its own): rows out of sight are not in the document.
_VIEWPORT = {"width": 1440, "height": 2000}
_TIMEOUT_MS = 30_000


@asynccontextmanager
async def chromium(path: str) -> AsyncIterator[Browser]:
    """A headless browser, gone at the end with its profile."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=list(_QUIET))
        try:
            yield browser
        finally:
            await browser.close()


class Complaints(list[str]):
    """What the browser complained about, but for what the test `expects`."""

    def __init__(self) -> None:
        super().__init__()
        self._expected: list[str] = []

    async def expect(self, *parts: str) -> None:
        """Let a complaint pass that has all `parts` in it; it has to come, if need be after what the page shows."""

        def found() -> list[str]:
            return [complaint for complaint in self if all(part in complaint for part in parts)]

        for complaint in await eventually_async(found, what=f"a complaint about {parts}"):
            self.remove(complaint)


@asynccontextmanager
async def open_page(browser: Browser, url: str, **options: Any) -> AsyncIterator[tuple[Page, Complaints]]:
    """A page in a fresh context with `url` as its base. At the end it is an error if the page logged a warning or
    an error (a violated Content-Security-Policy is one), raised an exception or asked another server.
    """
    context = await browser.new_context(base_url=url, **{"viewport": _VIEWPORT, **options})
    context.set_default_timeout(_TIMEOUT_MS)
    complaints = Complaints()

    def on_console(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def on_error(error: Error) -> None:
        complaints.append(f"exception: {error}")

    def on_request(request: Request) -> None:
        if not request.url.startswith((f"{url}/", "data:", "blob:")):
            complaints.append(f"asked elsewhere: {request.url}")

    page = await context.new_page()
    page.on("console", on_console)
    page.on("pageerror", on_error)
    page.on("request", on_request)
    try:
        yield page, complaints
        await page.evaluate("0")  # what was said before is here once this is answered
        assert not complaints, "\n".join(complaints)
    finally:
        await context.close()
