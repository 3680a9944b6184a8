"""A service with a token, as a person meets it: sign in, look, sign out."""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import TYPE_CHECKING

import pytest
from playwright.async_api import TimeoutError as PlaywrightTimeoutError
from playwright.async_api import expect

from tests.support.page.browser import open_page

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page, Route

    from tests.e2e.conftest import Start

TOKEN = "correct-horse-battery-staple"
RUN = "4bf92f3577b34da6a3ce929d0e0e4736"


async def sign_in(page: Page) -> None:
    await page.goto("/login")
    await page.get_by_label("Token").fill(TOKEN)
    await page.get_by_label("Token").press("Enter")
    # Its markup is there, and can be filled in, a moment before its script is: that would be undone.
    await expect(page.locator("body:not([x-cloak]) #new-run-button")).to_be_visible()
    await expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_in_and_out(start: Start, browser: Browser, scheme: str) -> None:
    async with start(SPANTAIL_TOKEN=TOKEN) as service:
        async with open_page(browser, service.url, color_scheme=scheme) as (page, complaints):
            await page.goto(f"/runs/{RUN}")
            await expect(page).to_have_url(re.compile(rf"/login\?next=/runs/{RUN}$"))
            await expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
            token = page.get_by_label("Token")
            await expect(token).to_be_focused()
            await token.fill("wrong")
            await token.press("Enter")
            await expect(page.get_by_role("alert")).to_contain_text("not the token")
            await complaints.expect("401", "/login")

            await token.fill(TOKEN)
            await page.get_by_role("button", name="Sign in").click()
            await expect(page).to_have_url(f"{service.url}/runs/{RUN}")  # back to where the link led
            await expect(page.get_by_role("heading", name="There is no such run")).to_be_visible()
            await complaints.expect("404")
            cookies = await page.context.cookies()
            assert [(c["name"], c["httpOnly"], c["sameSite"]) for c in cookies] == [("spantail_session", True, "Lax")]
            assert TOKEN not in cookies[0]["value"]

            await page.goto("/")
            await page.get_by_role("button", name="Sign out").click()
            await expect(page).to_have_url(f"{service.url}/login")
            assert await page.context.cookies() == []
            await page.goto("/")
            await expect(page).to_have_url(f"{service.url}/login")
            await page.evaluate("0")  # what was said before is here once this is answered
            # The list may be asked for while the session ends: see the next test.
            complaints[:] = [said for said in complaints if not ("401" in said and "/api/runs" in said)]


async def test_what_is_refused_while_one_signs_out_leads_nowhere_else(start: Start, browser: Browser) -> None:
    """The session is over before the browser shows the next page; a request in between is refused."""
    async with start(SPANTAIL_TOKEN=TOKEN) as service:
        async with open_page(browser, service.url) as (page, complaints):
            await sign_in(page)

            asked, over = asyncio.Event(), asyncio.Event()

            async def held(route: Route) -> None:
                asked.set()
                await over.wait()
                await route.continue_()

            async def late(route: Route) -> None:
                answer = await route.fetch(max_redirects=0)
                async with page.expect_response(lambda response: response.status == 401):
                    over.set()
                await route.fulfill(response=answer)

            await page.route(re.compile(r"/api/runs\?.*q=x"), held)
            await page.route("**/logout", late)
            await page.get_by_role("searchbox", name="Filter runs by text").fill("x")
            await asyncio.wait_for(asked.wait(), 30)
            await page.get_by_role("button", name="Sign out").click()
            await expect(page).to_have_url(f"{service.url}/login")
            await complaints.expect("401")


async def test_a_session_that_is_over_leads_to_the_login_page_and_back(start: Start, browser: Browser) -> None:
    async with start(SPANTAIL_TOKEN=TOKEN) as service:
        async with open_page(browser, service.url) as (page, complaints):
            await sign_in(page)
            await page.context.clear_cookies()  # what time does otherwise
            with contextlib.suppress(PlaywrightTimeoutError):  # the page may have asked by itself, and be gone
                await page.get_by_role("searchbox", name="Filter runs by text").fill("x", timeout=3_000)
            await expect(page).to_have_url(re.compile(r"/login\?next=%2F"))
            await complaints.expect("401")


async def test_without_a_token_there_is_nothing_to_sign_in_to(start: Start, browser: Browser) -> None:
    async with start() as service:
        async with open_page(browser, service.url) as (page, _):
            await page.goto("/login")
            await expect(page).to_have_url(f"{service.url}/")
            await expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
