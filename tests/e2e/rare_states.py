"""The page as it is seldom seen: full, with the service gone behind it, and without one from the beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from playwright.async_api import expect

from tests.e2e import rare_answers
from tests.e2e.rare_answers import LONG, S
from tests.e2e.states import DESK
from tests.integration.service.harness import OTHER_RUN, RUN, START, Writer
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from playwright.async_api import Browser, Page, Route, WebSocketRoute
    from pydantic import BaseModel

    from tests.support.page.browser import Complaints

_ANSWERS: Final[dict[str, Callable[[], BaseModel]]] = {
    "**/api/queue*": rare_answers.queue,
    "**/api/runners": rare_answers.runners,
    "**/api/budgets": rare_answers.budgets,
    "**/api/breakers": rare_answers.breakers,
    "**/api/notices": rare_answers.notices,
}
_FULL: Final = ("queue", "budgets", "notices")
_AWAY: Final = {
    "runs-away": "/",
    "queue-away": "/queue",
    "budgets-away": "/budgets",
    "notices-away": "/notices",
    "sessions-away": "/sessions",
    "session-away": "/sessions/a%20talk",
    "spend-away": "/spend",
    "compare-choose-away": "/compare",
    "compare-away": f"/compare/{RUN}/{OTHER_RUN}",
}
_LOOK: Final[dict[str, Any]] = {"viewport": DESK, "reduced_motion": "reduce"}
_RUNS: Final = 1_000


async def full_states_of(redis_url: str, browser: Browser) -> AsyncIterator[tuple[str, Page]]:
    """Queue, budgets and notices with all that they can show; then each with its service gone."""
    async with (
        served_app(redis_url) as served,
        open_page(browser, f"http://{served.address}", **_LOOK) as (page, said),
    ):
        for pattern, answer in _ANSWERS.items():
            await page.route(pattern, _answering(answer))
        await page.route_web_socket("**/ws/queue", _refuse)
        for name in _FULL:
            await page.goto(f"/{name}")
            await expect(page.locator("h1:visible").first).to_be_visible()
            await expect(page.get_by_text("Loading…", exact=True).locator("visible=true")).to_have_count(0)
            yield f"{name}-full", page
            await page.route("**/api/**", _abort)
            await page.evaluate("dispatchEvent(new Event('online'))")  # asks at once
            await expect(page.get_by_text("may be old").locator("visible=true").first).to_be_visible()
            yield f"{name}-old", page
            await page.unroute("**/api/**", _abort)
        await _forget_what_was_refused(page, said)


async def long_list_of(redis_url: str, browser: Browser) -> AsyncIterator[tuple[str, Page]]:
    """As many runs as the page lists, and more."""
    with Writer(redis_url) as writer:
        for number in range(_RUNS):
            name = f"{LONG} {number}" if number % 3 else "job search"
            start, status = START + number * S, "ok" if number % 7 else "error"
            writer.span(f"{number + 1:032x}", name=name, start=start, end=start + number % 70 * S, status=status)
    async with (
        served_app(redis_url) as served,
        open_page(browser, f"http://{served.address}", **_LOOK) as (page, _),
    ):
        await page.goto("/")
        await expect(page.locator("#run-status")).to_be_visible()
        for _ in range(9):  # fifty runs at a time, up to five hundred
            await page.get_by_role("button", name="Older runs").click()
        await expect(page.get_by_text("The newest 500 are listed.")).to_be_visible()
        yield "runs-many", page


async def away_states_of(redis_url: str, browser: Browser) -> AsyncIterator[tuple[str, Page]]:
    """Each page, where the service has never answered."""
    async with (
        served_app(redis_url) as served,
        open_page(browser, f"http://{served.address}", **_LOOK) as (page, said),
    ):
        await page.route("**/api/**", _abort)
        await page.route_web_socket("**/ws/**", _refuse)
        for name, address in _AWAY.items():
            await page.goto(address)
            await expect(page.get_by_text("cannot be reached").locator("visible=true").first).to_be_visible()
            yield name, page
        await _forget_what_was_refused(page, said)


async def _forget_what_was_refused(page: Page, said: Complaints) -> None:
    await page.goto("/favicon.svg")  # it asks for nothing, and what was under way has ended
    await page.evaluate("0")  # what was said before is here once this is answered
    said.clear()


def _answering(answer: Callable[[], BaseModel]) -> Callable[[Route], Any]:
    return lambda route: route.fulfill(json=answer().model_dump(mode="json"))


async def _abort(route: Route) -> None:
    await route.abort()


async def _refuse(route: WebSocketRoute) -> None:
    await route.close(code=1011)
