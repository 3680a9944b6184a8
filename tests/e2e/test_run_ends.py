"""The end of a run, told to who asked for it: behind other windows by the browser, in front of the page by a word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.async_api import expect

from tests.e2e.page import RunPage
from tests.integration.service.harness import OTHER_RUN, RUN, START, Writer
from tests.support.page.browser import open_page
from tests.support.service.served import served_app
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

# The browser's own notifications, noted as they are made; a page without a window is hidden when it is told so.
SPY = """
window.noted = [];
const Own = window.Notification;
window.Notification = class extends Own {
  constructor(title, options) {
    super(title, options);
    window.noted.push({ title, body: options.body, tag: options.tag, was: document.hidden });
    window.last = this;
  }
};
window.hide = (hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
};
"""


async def test_a_run_that_is_waited_for_says_its_end(new_redis_url: str, browser: Browser) -> None:
    with Writer(new_redis_url) as writer:
        writer.span(RUN, name="nightly")
        writer.span(OTHER_RUN, name="weekly")
        async with (
            served_app(new_redis_url) as served,
            open_page(browser, f"http://{served.address}", permissions=["notifications"]) as (page, _),
        ):
            await page.add_init_script(SPY)
            await page.goto(f"/runs/{RUN}")
            await expect(RunPage(page).status).to_have_text("running")
            for run_id in (RUN, OTHER_RUN):
                await page.locator(f'.run-item[data-run-id="{run_id}"]').hover()
                await page.locator(f'[data-menu-of="{run_id}"]').click()
                await page.get_by_role("menuitem", name="Notify when it ends").click()
                await expect(page.locator("#toast")).to_contain_text("You are notified when the run ends")

            # another page is shown, and nobody looks at it
            await page.get_by_role("link", name="Queue").click()
            await page.evaluate("hide(true)")
            writer.span(RUN, name="nightly", end=START + 1_000_000)
            noted: list[dict[str, Any]] = await eventually_async(lambda: _noted(page), 20, what="a notification")
            assert noted == [{"title": "nightly · completed", "body": "1.00 s", "tag": RUN, "was": True}]
            await page.evaluate("last.dispatchEvent(new Event('click'))")
            await expect(page).to_have_url(f"http://{served.address}/runs/{RUN}")

            # somebody looks at another run
            await page.evaluate("hide(false)")
            writer.span(OTHER_RUN, name="weekly", end=START + 1_000_000, status="error")
            await expect(page.locator("#toast")).to_have_text("weekly · failed")
            assert len(await _noted(page)) == 1


async def _noted(page: Page) -> list[dict[str, Any]]:
    noted: list[dict[str, Any]] = await page.evaluate("noted")
    return noted
