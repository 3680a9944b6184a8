"""The page of the money: what is spent of which limit, limits that are set, backends that are skipped."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.e2e.legible import faults_of
from tests.e2e.page import RunPage
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from playwright.async_api import Browser, Locator, Page

    from tests.support.service.process import ServiceProcess

TELEPHONE = {"width": 390, "height": 844}


def row(page: Page, scope: str) -> Locator:
    """The row of a budget."""
    return page.locator(f'#budgets-page tr[data-scope="{scope}"]')


async def test_a_limit_is_set_changed_and_taken_away(new_redis_url: str, browser: Browser) -> None:
    async with (
        served_app(new_redis_url) as served,
        served.client() as client,
        open_page(browser, f"http://{served.address}") as (page, _),
    ):
        await page.goto("/budgets")
        await expect(page).to_have_title("Budgets – Spantail")
        await page.get_by_label("Of what").select_option("operation")
        await page.get_by_role("button", name="Set limit").click()
        await expect(page.get_by_text("Which operation?")).to_be_visible()
        await page.get_by_label("Which one").fill("job-search")
        await page.get_by_label("Limit in USD").fill("a lot")
        await page.get_by_role("button", name="Set limit").click()
        await expect(page.get_by_text("This is no amount in USD.")).to_be_visible()
        await page.get_by_label("Limit in USD").fill("2.50")
        await page.get_by_role("button", name="Set limit").click()
        budget = row(page, "operation:job-search")
        await expect(budget).to_contain_text("$2.50 left")

        await budget.get_by_role("button", name="Change the limit of operation job-search").click()
        amount = budget.get_by_label("Limit of operation job-search in USD")
        await expect(amount).to_have_value("2.5")
        await amount.fill("$4")
        await amount.press("Enter")
        await expect(budget).to_contain_text("$4.00 left")
        (known,) = (await client.get("/api/budgets")).json()["budgets"]
        assert (known["scope"], known["limit_usd"]) == ("operation:job-search", 4.0)

        await budget.get_by_role("button", name="Change the limit of operation job-search").click()
        await budget.get_by_role("button", name="No limit").click()
        await expect(budget).to_have_count(0)  # nothing was spent there: there is nothing to tell


async def test_a_run_with_a_budget_and_without_a_backend(service: ServiceProcess, browser: Browser) -> None:
    """The Claude CLI is not installed: it is skipped, which is no error, and the page says so wherever one looks."""
    async with open_page(browser, service.url) as (page, _):
        await page.goto("/")
        await page.get_by_role("button", name="New run").click()
        form = page.get_by_role("dialog", name="New run")
        await form.get_by_text("Job search", exact=True).click()
        await form.get_by_label("Job titles").fill("python developer")
        await form.get_by_label("Results").fill("1")
        await form.get_by_label("Budget in USD").fill("1.5")
        await form.get_by_role("button", name="Start run").click()
        run = RunPage(page)
        await expect(run.status).to_have_text("completed")
        await expect(run.field("cost")).to_contain_text(" of $1.50")
        await expect(run.field("errors")).to_have_text("0errors")
        await expect(run.field("skipped")).to_be_visible()
        skipped = run.rows(kind="llm_call", status="skipped", backend="claude_cli").first
        await expect(skipped).to_contain_text("skipped: not installed")
        await expect(run.backends.get_by_role("columnheader", name="skipped")).to_be_visible()
        notes = page.get_by_role("list", name="Backends that are not in use now")
        await expect(notes.get_by_role("listitem").first).to_contain_text("not installed")
        run_id = run.run_id

        await page.get_by_role("link", name="Budgets").click()
        await expect(row(page, f"run:{run_id}")).to_contain_text("$1.50")
        breakers = page.get_by_role("table", name="Backends")
        await expect(breakers.get_by_role("row").filter(has_text="claude_cli").first).to_contain_text("not installed")
        await row(page, f"run:{run_id}").get_by_role("link").click()
        await expect(run.status).to_have_text("completed")


async def test_budgets_can_be_read_by_everybody(new_redis_url: str, browser: Browser) -> None:
    async with served_app(new_redis_url) as served, served.client() as client:
        for scope in ("day:2026-11-30", "session:a-very-long-name-of-a-session-of-somebody"):
            assert (await client.put(f"/api/budgets/{scope}", json={"limit_usd": 5.0})).status_code == 200
        for options in ({"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": TELEPHONE}):
            async with open_page(browser, f"http://{served.address}", **options) as (page, _):
                await page.goto("/budgets")
                await expect(row(page, "day:2026-11-30")).to_be_visible()
                assert await faults_of(page) == []
