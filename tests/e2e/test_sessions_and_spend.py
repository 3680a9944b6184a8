"""The pages of sessions and of what was spent, from the list to a run, on a wide screen and on a telephone."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import orjson
from playwright.async_api import expect

from spantail_exporters.model.sessions import session_digest
from tests.e2e.legible import faults_of
from tests.integration.service.harness import ROOT_SPAN, Writer
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from playwright.async_api import Browser

SESSION = "ticket 4711/ä"


def _talk(writer: Writer, number: int, start: int, *, asked: str = "", answered: str = "", over: bool = True) -> str:
    """A run of one call in the session."""
    run_id = f"{number:032x}"
    sources = {f"c:{session_digest(SESSION)}": {"id": SESSION}}
    writer.span(run_id, start=start, name="support agent", sources=sources)
    said = {"gen_ai.input.messages": _message("user", asked), "gen_ai.output.messages": _message("assistant", answered)}
    fields: dict[str, Any] = {"kind": "llm_call", "parent_id": ROOT_SPAN, "start": start, "end": start + 900_000}
    writer.span(
        run_id, "1" * 16, name="chat", backend="claude_cli", model="claude-sonnet-4-5", cost_nano=20_000_000,
        attributes=said if asked else {}, account="0 0 412 96 20000000 claude_cli\n\n0\nclaude-sonnet-4-5", **fields,
    )  # fmt: skip
    if over:
        writer.span(run_id, start=start, end=start + 1_000_000, name="support agent", sources=sources)
    return run_id


def _failed_over(writer: Writer, number: int, start: int) -> str:
    """A run whose first backend failed, so that another one served the call."""
    run_id = f"{number:032x}"
    writer.span(run_id, start=start, end=start + 900_000, name="support agent")
    fields: dict[str, Any] = {"kind": "llm_call", "parent_id": ROOT_SPAN, "start": start, "end": start + 400_000}
    writer.span(
        run_id, "1" * 16, name="chat", backend="openrouter", status="error", account="1 0 0 0 0 openrouter\n", **fields
    )
    writer.span(
        run_id, "2" * 16, name="chat", backend="claude_cli", fallback_from="openrouter", fallback_reason="rate_limit",
        cost_nano=1_000, account="0 0 4 2 1000 claude_cli\nopenrouter", **fields,
    )  # fmt: skip
    return run_id


def _message(role: str, text: str) -> str:
    return orjson.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}]).decode()


async def test_sessions_and_what_they_cost(new_redis_url: str, browser: Browser) -> None:
    now = time.time_ns() // 1_000
    with Writer(new_redis_url) as writer:
        async with (
            served_app(new_redis_url) as served,
            open_page(browser, f"http://{served.address}") as (page, complaints),
            served.client() as client,
        ):
            await page.goto("/sessions")
            await expect(page.get_by_text("No sessions yet")).to_be_visible()
            _talk(writer, 1, now - 120_000_000, asked="Where is my invoice?", answered="**Here** it is.")
            second = _talk(writer, 2, now - 30_000_000, over=False)

            row = page.get_by_role("row", name=SESSION)
            await expect(row).to_contain_text("2 runs, 1 going on")
            await expect(row).to_contain_text("$0.0400")
            assert await faults_of(page) == []
            await row.get_by_role("link").click()

            items = page.locator(".session-item")
            await expect(items).to_have_count(2)
            await expect(items.nth(0)).to_contain_text("Where is my invoice?")
            await expect(items.nth(0)).to_contain_text("Here it is.")
            await expect(items.nth(1)).to_contain_text("1 m 29 s later")
            await expect(items.nth(1)).to_contain_text("What was said was not kept.")
            _talk(writer, 2, now - 30_000_000, over=True)
            await expect(items.nth(1)).to_have_attribute("data-status", "completed")
            await expect(page.locator(".session-fields")).not_to_contain_text("going on")
            assert await faults_of(page) == []
            await items.nth(1).get_by_role("link", name="Read as a transcript").click()
            await expect(page).to_have_url(f"http://{served.address}/runs/{second}?view=transcript")
            await expect(page.locator("#run-status")).to_have_text("completed")
            await page.go_back()
            await expect(items).to_have_count(2)
            await page.goto("/sessions/none")
            await expect(page.get_by_text("No run of this session is here.")).to_be_visible()

            day = time.strftime("%Y-%m-%d", time.gmtime(now / 1_000_000))
            days = len({(now - ago) // 86_400_000_000 for ago in (120_000_000, 30_000_000)})
            assert (await client.put(f"/api/budgets/day:{day}", json={"limit_usd": 0.05})).status_code == 200
            await page.goto("/spend")
            await expect(page.locator(".spend-total")).to_have_text("$0.04")
            await expect(page.locator(".spend-ticks span")).to_have_text(["$0.050", "$0.025", "$0"])
            await complaints.expect("404", "/api/sessions/none")
            await expect(page.get_by_text("The day's limit is $0.05")).to_be_visible()
            await expect(page.locator(".spend-limit")).to_have_count(1)
            await page.get_by_role("link", name="Models").click()
            await page.get_by_role("link", name="claude-sonnet-4-5").click()
            await expect(page).to_have_url(f"http://{served.address}/spend?by=model&part=claude-sonnet-4-5")
            await expect(page.locator(".spend-part")).to_have_count(30)
            await page.get_by_text("Each day in figures").click()
            await expect(page.get_by_role("table", name="Spend by day").get_by_role("row")).to_have_count(1 + days)
            assert await faults_of(page) == []

            bad = _failed_over(writer, 3, now - 20_000_000)
            await page.goto("/spend")
            await page.get_by_title("Show the runs in which calls of openrouter failed").click()
            # of three runs the list has one, which is open; the failed call is found in it, and no other
            await expect(page.locator(".run-item")).to_have_count(1)
            await expect(page.locator("#run-status")).to_have_text("completed")
            await expect(page.locator("#find-input")).to_have_value('is:error backend:"openrouter"')
            await expect(page.locator("#find-count")).to_have_text("1 found")
            await page.locator(".run-item").click()
            await expect(page).to_have_url(
                re.compile(rf"/runs/{bad}\?q=is.*list=backend%3Dopenrouter%26calls%3Dfailed")
            )
            await page.get_by_role("link", name="Runs in which openrouter failed").click()
            assert await faults_of(page) == []
            await page.get_by_role("button", name="Only runs with failed calls: openrouter").click()
            await expect(page.locator(".run-item")).to_have_count(3)

            await page.set_viewport_size({"width": 390, "height": 844})
            for path in ("/spend", "/sessions", "/sessions/ticket%204711%2F%C3%A4"):
                await page.goto(path)
                await expect(page.locator(".spend-total, .session-link, .session-run").first).to_be_visible()
                assert await faults_of(page) == [], path
