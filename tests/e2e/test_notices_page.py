"""The page of the notices: rules are changed there, and what is refused is said at the rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.e2e.legible import faults_of
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from playwright.async_api import Browser


async def test_rules_are_changed(new_redis_url: str, browser: Browser) -> None:
    async with (
        served_app(new_redis_url) as served,
        served.client() as client,
        open_page(browser, f"http://{served.address}") as (page, complaints),
    ):
        await page.goto("/notices")
        await expect(page).to_have_title("Notices – Spantail")
        await expect(page.get_by_text("No notices yet.")).to_be_visible()
        switch = page.get_by_role("switch", name="A run failed")
        await expect(switch).to_be_checked()
        await switch.click()
        share = page.get_by_label("A budget is met: Share of the limit in percent")
        await share.fill("700")
        await share.press("Enter")
        await expect(page.get_by_text("Not changed.")).to_be_visible()
        await complaints.expect("400")
        await share.fill("80")
        await share.press("Enter")
        await expect(page.get_by_text("Not changed.")).to_be_hidden()
        await expect(page.get_by_role("button", name="Save")).to_have_count(0)
        await page.reload()
        await expect(switch).not_to_be_checked()
        await expect(share).to_have_value("80")
        assert await faults_of(page) == []
        rules = {rule["kind"]: rule for rule in (await client.get("/api/notices")).json()["rules"]}
        assert rules["run_failed"]["enabled"] is False
        assert rules["budget_met"]["threshold"] == 0.8
