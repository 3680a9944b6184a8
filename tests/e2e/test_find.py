"""Search, jumps, palette and keys on the page: found what only the service holds, and reached by keyboard alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.integration.service.harness import OTHER_RUN, ROOT_SPAN, RUN, START, Writer, spantail_process
from tests.support.page.browser import open_page

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser, Page

STEP, CALL, SLOW = "00f067aa0ba902b8", "00f067aa0ba902b9", "00f067aa0ba902ba"


def _write(writer: Writer) -> None:
    writer.span(OTHER_RUN, name="the other run", start=START - 1_000_000, end=START)
    writer.span(RUN)
    failed = {"status": "error", "error": {"type": "RateLimited", "message": "slow down"}}
    writer.span(RUN, STEP, parent_id=ROOT_SPAN, kind="layer", name="score", start=START + 10, end=START + 90, **failed)
    writer.span(
        RUN, CALL, parent_id=STEP, kind="llm_call", name="chat small-model", start=START + 20, end=START + 30, **failed,
        backend="claude_cli", cost_source="calculated", cost_usd=0.0123, cost_nano=12_300_000,
        account="1 0 1 1 12300000 claude_cli\n", attributes={"job.title": "Needle in a haystack"},
    )  # fmt: skip
    writer.span(RUN, SLOW, parent_id=ROOT_SPAN, name="store", start=START + 100, end=START + 9_000)
    writer.span(RUN, end=START + 9_001)


def _at(span_id: str, query: str = "") -> re.Pattern[str]:
    return re.compile(f"/runs/{RUN}\\?span={span_id}{f'&q={query}' if query else ''}$")


async def _search(page: Page) -> None:
    """Found by the service, opened in the tree, in the address; and all figures lead to what they count."""
    count = page.locator("#find-count")
    await page.get_by_role("button", name="Collapse all").click()
    await page.keyboard.press("/")
    await page.keyboard.type("needle")
    await expect(count).to_have_text("1 found")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(_at(CALL, "needle"))
    await expect(page.locator(f"#span-{CALL}[data-found][aria-selected=true]")).to_be_visible()
    await expect(page.locator(".find-where")).to_have_text("job.title Needle in a haystack")
    await page.get_by_role("link", name="Transcript").click()
    await expect(page.locator(f".story[data-found][data-span-id='{CALL}']")).to_be_visible()
    await page.get_by_role("link", name="Timeline").click()
    await page.locator("#find-input").focus()
    await page.keyboard.press("Escape")
    await expect(page).to_have_url(_at(CALL))
    await expect(count).to_have_text("")
    await page.get_by_role("button", name="2 errors").click()
    await expect(page).to_have_url(_at(CALL, "is%3Aerror"))  # where it began
    await expect(count).to_have_text("2 of 2")
    await page.keyboard.type("em")  # in a field these are letters
    await expect(count).to_contain_text("is followed by one of")
    await page.get_by_role("button", name="End the search").click()


async def _jumps(page: Page) -> None:
    await page.get_by_role("treegrid", name="Trace tree").focus()
    for key, span_id in (("t", SLOW), ("e", CALL), ("t", SLOW), ("m", CALL)):
        await page.keyboard.press(key)
        await expect(page).to_have_url(_at(span_id))
    await expect(page.get_by_role("button", name="Next running span")).to_have_attribute("aria-disabled", "true")
    await page.get_by_role("button", name="1 LLM call").click()
    await expect(page).to_have_url(_at(CALL, "is%3Allm"))
    await page.keyboard.press("Escape")


async def _palette_and_help(page: Page) -> None:
    await page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Go to or do")
    await expect(field).to_be_focused()
    await field.fill("copy the span as curl")
    await expect(page.locator("#palette").get_by_role("option")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page.locator("#toast")).to_have_text("Copied the span as cURL")
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert re.fullmatch(rf"curl -fsS http://[^ ]+/api/traces/{RUN}/spans/{CALL}", copied)
    await page.keyboard.press("Control+k")
    await field.fill("other")
    chosen = page.locator("#palette").get_by_role("option", selected=True)
    await expect(chosen).to_contain_text("the other run")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(f"/runs/{OTHER_RUN}$"))
    # A browser complains of a connection that is given up before it is there.
    await expect(page.locator("#connection")).to_have_text("complete")
    await page.go_back()
    await expect(page).to_have_url(_at(CALL))
    await expect(page.locator("#connection")).to_have_text("complete")
    await page.get_by_role("treegrid", name="Trace tree").focus()
    await page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    await expect(keys.get_by_text("Search in the run")).to_be_visible()
    await keys.get_by_role("checkbox").uncheck()
    await page.keyboard.press("Escape")
    await page.keyboard.press("t")
    await page.keyboard.press("Control+k")
    await expect(field).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(page).to_have_url(_at(CALL))


async def _tab_stops(page: Page) -> None:
    await page.goto(f"/runs/{RUN}?q=needle")
    await expect(page.locator(f"#span-{CALL}[data-found]")).to_be_visible()
    await expect(page.locator("#find-count")).to_have_text("1 found")
    await page.keyboard.press("Tab")
    await expect(page.get_by_role("link", name="Skip to the trace")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("treegrid", name="Trace tree")).to_be_focused()
    runs = page.locator(".run-item")
    await expect(page.locator(".run-list [tabindex='0']")).to_have_count(1)
    await runs.first.focus()
    await page.keyboard.press("ArrowDown")
    await expect(runs.nth(1)).to_be_focused()
    await page.keyboard.press("ArrowRight")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem", name="As OTLP")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.locator("#run-started").click()
    await expect(page.locator("#run-started")).to_have_text(re.compile(r"^\d\d-\d\d \d\d:\d\d$"))


async def test_find_and_keys(new_redis_url: str, browser: Browser, tmp_path: Path) -> None:
    with Writer(new_redis_url) as writer:
        _write(writer)
        with spantail_process("serve", "--port", "0", cwd=tmp_path, SPANTAIL_REDIS_URL=new_redis_url) as service:
            service.await_ready()
            permissions = ["clipboard-read", "clipboard-write"]
            async with open_page(browser, service.url, permissions=permissions) as (page, complaints):
                await page.goto(f"/runs/{RUN}")
                await expect(page.locator("#run-status")).to_have_text("completed")
                await expect(page.locator("#connection")).to_have_text("complete")
                await _search(page)
                await complaints.expect("400", "/search?")
                await _jumps(page)
                await _palette_and_help(page)
                await _tab_stops(page)
