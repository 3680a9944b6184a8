"""The time of a run: what of it is shown, clocks that are off, the flame graph, and following what is new."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.e2e.page import RunPage
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from playwright.async_api import Browser

DESK = {"width": 1440, "height": 900}
S = 1_000_000  # µs
OFF, REVERSED, FAILED = "00000000000000f1", "00000000000000f2", "00000000000000f3"


def _run_with_a_clock_off(writer: Writer) -> None:
    writer.span(RUN, name="checkout", service="shop", end=START + S)
    pay = "00000000000000f0"
    writer.span(RUN, pay, parent_id=ROOT_SPAN, name="pay", service="shop", start=START + S // 5, end=START + S // 2)
    late = START + 3_600 * S
    writer.span(RUN, OFF, parent_id=pay, name="charge", service="bank", start=late, end=late + S // 5)
    writer.span(RUN, REVERSED, parent_id=ROOT_SPAN, name="set back", start=START + S // 2, end=START + S // 4)
    writer.span(RUN, FAILED, parent_id=ROOT_SPAN, name="tell", start=START + S // 2, end=START + S, status="error")


async def test_time_is_fitted_zoomed_and_shown_as_a_flame_graph(new_redis_url: str, browser: Browser) -> None:
    with Writer(new_redis_url) as writer:
        _run_with_a_clock_off(writer)
    async with (
        served_app(new_redis_url) as served,
        open_page(browser, f"http://{served.address}", viewport=DESK) as (page, _),
    ):
        run = RunPage(page)
        await page.goto(f"/runs/{RUN}")
        # head and list say the same, and one clock that is off ruins no axis
        await expect(page.locator("#run-length")).to_have_text("1.00 s")
        await expect(page.locator(".run-item-length")).to_have_text("1.00 s")
        await expect(run.row(OFF).locator(".cell-bar")).to_have_attribute("data-out", "after")
        await expect(run.row(REVERSED)).to_contain_text("ends 250 ms before it starts")
        await page.get_by_role("button", name="1 span lies outside").click()
        await expect(run.row(OFF).locator(".cell-bar")).not_to_have_attribute("data-out", "after")
        await page.get_by_role("button", name="Fit the run").click()
        await page.get_by_role("button", name="Adjust clocks").click()
        await expect(page.get_by_role("button", name="lies outside")).to_be_hidden()
        await expect(run.row(OFF).locator(".cell-bar")).not_to_have_attribute("data-out", "after")

        # a drag along the map shows a part, and selects no text
        small = page.get_by_role("img", name="all of its time is shown")
        box = await small.bounding_box()
        assert box is not None
        await page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 10)
        await page.mouse.down()
        await page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 200, steps=4)
        await page.mouse.up()
        await expect(page.get_by_role("img", name=re.compile("from 60 % to 90 %"))).to_be_visible()
        assert await page.evaluate("getSelection().toString()") == ""
        await run.tree.press("0")
        await expect(small).to_be_visible()
        await run.tree.press("w")
        await expect(small).to_be_hidden()
        await page.get_by_role("button", name="Show the whole time").click()
        await run.tree.press("c")
        await expect(run.row(FAILED)).to_have_attribute("data-critical", "")

        # rows open to what failed
        await page.get_by_label("Rows that are open").select_option("To errors")
        await expect(run.tree.locator("[role=row]:visible")).to_have_count(4)

        # the same run in another shape, by its address and by the keyboard
        await page.get_by_role("link", name="Flame graph").click()
        await expect(page).to_have_url(re.compile(r"\?view=flame$"))
        flame = page.get_by_role("application", name="Flame graph")
        # the run has ended: it fills the width to its end
        await expect(small).to_be_visible()
        painted = (
            "(it) => it.getContext('2d').getImageData(it.width - 30, it.height * 38 / it.clientHeight, 1, 1).data[3]"
        )
        assert await page.locator("#flame canvas").evaluate(painted) > 0
        for key in ("Home", "ArrowDown", "Enter"):
            await flame.press(key)
        await expect(run.details).to_contain_text("pay")
        await page.go_back()
        await page.get_by_role("link", name="Timeline").click()
        await expect(run.tree.locator("[role=row]:visible")).to_have_count(4)


async def test_what_is_new_is_followed_until_the_reader_takes_over(new_redis_url: str, browser: Browser) -> None:
    now_us = time.time_ns() // 1000
    with Writer(new_redis_url) as writer:
        writer.span(OTHER_RUN, name="nightly", start=now_us)
        for number in range(1, 60):
            writer.span(OTHER_RUN, f"{number:016x}", parent_id=ROOT_SPAN, start=now_us + number, end=now_us + number)
        async with (
            served_app(new_redis_url) as served,
            open_page(browser, f"http://{served.address}", viewport=DESK) as (page, _),
        ):
            run = RunPage(page)
            await page.goto(f"/runs/{OTHER_RUN}")
            follow = page.get_by_role("button", name="Follow")
            await expect(follow).to_have_attribute("aria-pressed", "true")
            await expect(run.row(f"{59:016x}")).to_be_in_viewport()
            # the root stays in sight above
            await expect(page.locator("#trace-sticky")).to_contain_text("nightly")
            await run.tree.press("Home")
            await expect(follow).to_have_attribute("aria-pressed", "false")
            writer.span(OTHER_RUN, f"{60:016x}", parent_id=ROOT_SPAN, start=now_us + 60)
            await expect(page.locator("#trace-summary")).to_contain_text("61 spans")
            await expect(run.row(ROOT_SPAN)).to_be_in_viewport()
            await run.tree.press("f")
            await expect(run.row(f"{60:016x}")).to_be_in_viewport()

            # a close look goes along with what happens now, until the reader looks at what was
            for _ in range(6):
                await run.tree.press("w")
            await expect(page.get_by_role("img", name="of its time is shown")).to_have_accessible_name(
                re.compile("to \\d+ %")
            )
            writer.span(OTHER_RUN, f"{61:016x}", parent_id=ROOT_SPAN, start=time.time_ns() // 1000)
            newest = run.row(f"{61:016x}")
            await expect(newest).to_be_in_viewport()
            await expect(newest.locator(".cell-bar")).not_to_have_attribute("data-out", re.compile("."))
            await expect(follow).to_have_attribute("aria-pressed", "true")
            await run.tree.press("a")
            await expect(follow).to_have_attribute("aria-pressed", "false")
