"""Two runs side by side: chosen from a run's menu, their spans, what differs in one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
from playwright.async_api import expect

from tests.e2e.legible import faults_of
from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from playwright.async_api import Browser, ViewportSize

CALL = "00f067aa0ba902b8"
NEW = "00f067aa0ba902b9"
TELEPHONE: ViewportSize = {"width": 390, "height": 844}


def _asked(place: str) -> dict[str, str]:
    message = {"role": "user", "parts": [{"type": "text", "content": f"Be brief.\nJobs in {place}, please."}]}
    return {"gen_ai.input.messages": orjson.dumps([message]).decode()}


def _two_runs(writer: Writer) -> None:
    """The second goes on, asks another model for another place, and has a step more."""
    for run_id, model, nano, place in ((RUN, "gpt-4o", 500_000, "Graz"), (OTHER_RUN, "gpt-4o-mini", 20_000, "Vienna")):
        writer.span(
            run_id, CALL, parent_id=ROOT_SPAN, kind="llm_call", name=f"chat {model}", model=model, backend="openai",
            start=START + 1_000, end=START + 31_000, cost_nano=nano, tokens={"input": 10, "output": 2},
            attributes=_asked(place), account=f"0 0 10 2 {nano} openai\n",
        )  # fmt: skip
    writer.span(OTHER_RUN, NEW, parent_id=ROOT_SPAN, name="rank", start=START + 40_000, end=START + 41_000)
    writer.span(RUN, end=START + 50_000)
    writer.span(OTHER_RUN)


async def test_two_runs_are_compared(new_redis_url: str, browser: Browser) -> None:
    with Writer(new_redis_url) as writer:
        _two_runs(writer)
        async with (
            served_app(new_redis_url) as served,
            open_page(browser, f"http://{served.address}") as (page, _),
        ):
            await page.goto(f"/runs/{RUN}")
            await page.locator("#run-menu-button").click()
            await page.get_by_role("menuitem", name="Compare with…").click()
            await expect(page).to_have_title("Compare – Spantail")
            await expect(page.get_by_role("combobox", name="Run A")).to_have_value(RUN)
            await expect(page.get_by_role("combobox", name="Run B")).to_have_value(OTHER_RUN)
            await page.get_by_role("button", name="Compare").click()

            tree = page.get_by_role("treegrid", name="Spans of both runs")
            rows = tree.get_by_role("row")
            await expect(rows).to_have_count(3)
            await expect(rows.nth(1)).to_contain_text("gpt-4o → gpt-4o-mini")
            await expect(rows.nth(1)).to_contain_text("\N{MINUS SIGN}$0.0005")
            await expect(rows.nth(2)).to_contain_text("only B")
            totals = page.get_by_role("table", name="Totals").get_by_role("row")
            await expect(totals.nth(1)).to_contain_text("completed")
            await expect(totals.nth(2)).to_contain_text("running")

            await tree.focus()
            await page.keyboard.press("n")
            await page.keyboard.press("n")
            await page.keyboard.press("Enter")
            details = page.get_by_role("complementary", name="Difference of the span")
            await expect(details).to_contain_text("What differs: model, cost, prompt.")
            await expect(details.locator("del")).to_have_text("Graz")
            await expect(details.locator("ins")).to_have_text("Vienna")
            await expect(details.get_by_role("region", name="Prompt")).to_contain_text("Be brief.")
            await page.get_by_role("button", name="Close the difference").click()
            await expect(details).to_be_hidden()
            await expect(tree).to_be_focused()

            await page.get_by_role("button", name="Only in B 1").click()
            await expect(rows).to_have_count(2)
            writer.span(OTHER_RUN, "00f067aa0ba902ba", parent_id=ROOT_SPAN, name="store", end=START + 60_000)
            await expect(rows).to_have_count(3)  # it comes by itself, for run B goes on
            await page.set_viewport_size(TELEPHONE)
            assert await faults_of(page) == []
            await page.get_by_role("button", name="Swap A and B").click()
            await expect(page.get_by_role("button", name="Only in A 2")).to_be_visible()
            assert f"/compare/{OTHER_RUN}/{RUN}" in page.url
