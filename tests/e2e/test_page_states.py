"""The page where it is easily forgotten: what is missing, what was closed, what comes later than its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.e2e.page import RunPage
from tests.e2e.rare_states import away_states_of
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from playwright.async_api import Browser, Page

DESK = {"width": 1440, "height": 900}
TELEPHONE = {"width": 390, "height": 844}
LARGE_PRINT = {"width": 640, "height": 400}


def _finished(writer: Writer, run_id: str, spans: int = 1) -> None:
    for number in range(1, spans):
        writer.span(run_id, f"{number:016x}", parent_id=ROOT_SPAN, start=START + number, end=START + number + 1)
    writer.span(run_id, name="job search", end=START + 1_000_000)


async def test_a_width_that_was_chosen_is_kept(new_redis_url: str, browser: Browser) -> None:
    with Writer(new_redis_url) as writer:
        _finished(writer, RUN)
    async with (
        served_app(new_redis_url) as served,
        open_page(browser, f"http://{served.address}", viewport=DESK) as (page, _),
    ):
        await page.goto(f"/runs/{RUN}")
        bar = page.get_by_role("separator", name="Width of the tree")
        await expect(bar).to_be_visible()
        before = await _left(page)
        await bar.press("ArrowRight")
        chosen = await _left(page)
        assert abs(chosen - before - 24) <= 1
        await page.reload()
        await expect(bar).to_be_visible()
        assert abs(await _left(page) - chosen) <= 1


async def test_a_list_and_a_menu_in_a_small_window(new_redis_url: str, browser: Browser) -> None:
    with Writer(new_redis_url) as writer:
        _finished(writer, RUN)
    async with (
        served_app(new_redis_url) as served,
        open_page(browser, f"http://{served.address}", viewport=LARGE_PRINT) as (page, _),
    ):
        await page.goto(f"/runs/{RUN}")
        listed, opener = (
            page.get_by_role("navigation", name="Runs"),
            page.get_by_role("button", name="Runs", exact=True),
        )
        await opener.press("Enter")
        await expect(listed).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(opener).to_be_focused()
        await expect(listed).to_be_hidden()
        await page.locator("#run-menu-button").click()
        menu = await page.get_by_role("menu").bounding_box()
        assert menu is not None
        assert 0 <= menu["y"] <= menu["y"] + menu["height"] <= LARGE_PRINT["height"]
        await page.get_by_role("menuitem", name="Delete").scroll_into_view_if_needed()
        await expect(page.get_by_role("menuitem", name="Delete")).to_be_in_viewport()


async def _left(page: Page) -> float:
    box = await page.locator("#split-tree").bounding_box()
    assert box is not None
    return box["x"]


async def test_details_that_are_closed_leave_nothing_behind(new_redis_url: str, browser: Browser) -> None:
    with Writer(new_redis_url) as writer:
        _finished(writer, RUN)
    async with (
        served_app(new_redis_url) as served,
        open_page(browser, f"http://{served.address}", viewport=DESK) as (page, complaints),
    ):
        run = RunPage(page)
        await page.goto(f"/runs/{RUN}?span={ROOT_SPAN}")
        await expect(run.details).to_contain_text("job search")
        await expect(run.backends).to_be_hidden()
        await page.locator(".run-item").first.click()
        await expect(run.details).to_be_hidden()
        await expect(run.backends).to_be_visible()

        await run.row(ROOT_SPAN).click()
        await page.get_by_role("button", name="Close the details").focus()
        await page.keyboard.press("Escape")
        await expect(run.details).to_be_hidden()
        await expect(run.tree).to_be_focused()

        await page.goto(f"/runs/{RUN}?span={'f' * 16}")
        await expect(run.details).to_contain_text("The service does not hold this span.")
        await complaints.expect("404")


async def test_a_run_that_comes_later_than_its_address(new_redis_url: str, browser: Browser) -> None:
    async with (
        served_app(new_redis_url) as served,
        open_page(browser, f"http://{served.address}") as (page, complaints),
    ):
        run = RunPage(page)
        await page.goto(f"/runs/{RUN}")
        missing = page.get_by_role("heading", name="There is no such run")
        await expect(missing).to_be_visible()
        # The tab is looked at again: nothing has changed, and nothing is drawn.
        await page.evaluate(
            "new Promise((drawn) => { document.dispatchEvent(new Event('visibilitychange'));"
            " requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(drawn))); })"
        )
        await expect(missing).to_be_visible()
        await complaints.expect("404")
        with Writer(new_redis_url) as writer:
            _finished(writer, RUN)
        await expect(run.status).to_have_text("completed")
        await expect(run.row(ROOT_SPAN)).to_be_visible()


async def test_the_last_run_is_deleted(new_redis_url: str, browser: Browser) -> None:
    with Writer(new_redis_url) as writer:
        _finished(writer, RUN)
    async with (
        served_app(new_redis_url) as served,
        open_page(browser, f"http://{served.address}") as (page, _),
    ):
        await page.goto(f"/runs/{RUN}")
        await page.locator("#run-menu-button").click()
        await page.get_by_role("menuitem", name="Delete").click()
        await page.get_by_role("menuitem", name="Delete").click()
        await expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()


async def test_a_filter_that_nothing_fits_is_no_empty_service(new_redis_url: str, browser: Browser) -> None:
    with Writer(new_redis_url) as writer:
        _finished(writer, RUN)
        _finished(writer, OTHER_RUN)
    async with (
        served_app(new_redis_url) as served,
        open_page(browser, f"http://{served.address}", viewport=DESK) as (page, _),
    ):
        await page.goto(f"/runs/{RUN}")
        await page.get_by_label("Filter runs by text").fill("nothing of the kind")
        await expect(page.get_by_text("No run fits.")).to_be_visible()
        await page.get_by_role("link", name="Spantail").click()
        await expect(page.get_by_role("heading", name="No run fits the filter")).to_be_visible()
        await page.get_by_role("button", name="Show all runs").click()
        await expect(RunPage(page).status).to_have_text("completed")


async def test_rows_out_of_sight_lend_nobody_their_names(new_redis_url: str, browser: Browser) -> None:
    with Writer(new_redis_url) as writer:
        _finished(writer, RUN, spans=300)
    async with (
        served_app(new_redis_url) as served,
        open_page(browser, f"http://{served.address}", viewport=TELEPHONE) as (page, _),
    ):
        run = RunPage(page)
        await page.goto(f"/runs/{RUN}")
        await expect(run.row(ROOT_SPAN)).to_be_visible()
        for key in ("End", "Home"):
            await run.tree.press(key)
            twice: list[str] = await page.evaluate(
                "() => { const ids = [...document.querySelectorAll('[id]')].map((each) => each.id);"
                " return ids.filter((id, at) => ids.indexOf(id) !== at); }"
            )
            assert twice == []
        # Nothing is wider than a telephone.
        assert await page.evaluate("document.body.scrollWidth <= innerWidth")
        assert await page.evaluate(
            "document.querySelector('#new-run-button').getBoundingClientRect().right <= innerWidth"
        )


async def test_without_a_service_no_page_says_that_there_is_nothing(new_redis_url: str, browser: Browser) -> None:
    async for state, page in away_states_of(new_redis_url, browser):
        shown = await page.locator("main").inner_text()
        for claim in ("None yet", "No run fits", "Loading…", "No notices", "No sessions", "is empty", "no rules"):
            assert claim not in shown, f"{state}: {claim}"
