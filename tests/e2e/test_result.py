"""What came of a run, on the page: a text to read and to copy, lists and figures; nothing where there is no result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.async_api import expect

from spantail_service.operations.cv_pipeline.sample import CV, POSTING
from tests.e2e.legible import faults_of
from tests.e2e.page import RunPage
from tests.e2e.viewer import SMALL_SEARCH, Viewer, client_of
from tests.support.page.browser import open_page
from tests.support.work.held_world import SEED
from tests.support.work.operation_inputs import an_input

if TYPE_CHECKING:
    import httpx
    from playwright.async_api import Browser, Locator, Page

    from tests.support.service.process import ServiceProcess
    from tests.support.work.held_world import HeldWorld

CLIPBOARD = ["clipboard-read", "clipboard-write"]
LOOKS: tuple[dict[str, Any], ...] = (
    {"color_scheme": "light"},
    {"color_scheme": "dark"},
    {"viewport": {"width": 768, "height": 1024}},
    {"viewport": {"width": 390, "height": 844}},
)


async def result_in(client: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    answer = await client.get(f"/api/runs/{run_id}/result")
    result: dict[str, Any] = answer.json()["result"]
    return result


def button_of(page: Page) -> Locator:
    return page.get_by_role("button", name="Result", exact=True)


async def test_a_document_appears_at_the_end_and_can_be_copied(
    service: ServiceProcess, world: HeldWorld, browser: Browser
) -> None:
    world.gate.shut("openai")
    async with (
        client_of(service.url) as client,
        open_page(browser, service.url, permissions=CLIPBOARD) as (page, _),
    ):
        viewer = await Viewer.start(client, "/api/operations/cv-pipeline", {"cv": CV, "posting": POSTING})
        run = RunPage(page)
        await page.goto(f"/runs/{viewer.run_id}")
        await world.gate.held("openai")
        await expect(run.status).to_have_text("running")
        await expect(button_of(page)).to_be_hidden()
        world.gate.open("openai")
        await expect(run.status).to_have_text("completed")

        await button_of(page).click()
        result = await result_in(client, viewer.run_id)
        document = run.details.get_by_label("Document", exact=True)
        await expect(document).to_have_text(result["document"])
        await expect(run.details).to_contain_text(f"Checks {len(result['checks'])}")
        await expect(run.details.get_by_label("Checks")).to_contain_text("rule numbers")
        await run.details.get_by_role("button", name="Copy the document").click()
        await expect(run.details.get_by_role("button", name="Copy the document")).to_have_text("Copied")
        assert await page.evaluate("navigator.clipboard.readText()") == result["document"]

        # it is the root's: no other span has it
        await run.rows(kind="phase", name="check 1").click()
        await expect(document).to_have_count(0)
        await button_of(page).click()
        await expect(document).to_be_visible()


async def test_a_message_and_a_list_can_be_read_by_everybody(service: ServiceProcess, browser: Browser) -> None:
    async with client_of(service.url) as client:
        message = await Viewer.start(client, "/api/operations/contact-outreach", an_input("contact-outreach", SEED))
        await message.to_the_end()
        search = await Viewer.start(client, "/api/operations/job-search", SMALL_SEARCH)
        await search.to_the_end()
        wanted = await result_in(client, message.run_id)
        (job,) = (await result_in(client, search.run_id))["jobs"]
        for options in LOOKS:
            async with open_page(browser, service.url, **options) as (page, _):
                run = RunPage(page)
                await page.goto(f"/runs/{message.run_id}")
                await button_of(page).click()
                await expect(run.details.get_by_label("Message", exact=True)).to_have_text(wanted["message"])
                assert await faults_of(page) == []
                await page.goto(f"/runs/{search.run_id}")
                await button_of(page).click()
                jobs = run.details.get_by_role("list", name="Jobs").get_by_role("listitem")
                await expect(jobs).to_have_count(1)
                await expect(jobs).to_contain_text(f"{job['title']} · {job['company']}")
                assert await faults_of(page) == []


async def test_a_result_that_could_not_be_loaded_is_asked_for_again(service: ServiceProcess, browser: Browser) -> None:
    async with client_of(service.url) as client, open_page(browser, service.url) as (page, complaints):
        viewer = await Viewer.start(client, "/api/operations/job-search", SMALL_SEARCH)
        await viewer.to_the_end()
        await page.route("**/result", lambda route: route.abort(), times=1)
        run = RunPage(page)
        await page.goto(f"/runs/{viewer.run_id}")
        await button_of(page).click()
        await expect(run.details.get_by_role("alert")).to_have_text(
            "It could not be loaded. The service cannot be reached."
        )
        await complaints.expect("ERR_FAILED")
        await run.details.get_by_role("button", name="Try again").click()
        await expect(run.details.get_by_role("list", name="Jobs")).to_be_visible()


async def test_a_run_that_failed_has_no_result(service: ServiceProcess, browser: Browser) -> None:
    async with client_of(service.url) as client, open_page(browser, service.url) as (page, _):
        viewer = await Viewer.start(
            client, "/api/operations/generate-annotations", {"job_id": "there-is-no-such-job-1"}
        )
        await viewer.to_the_end()
        run = RunPage(page)
        await page.goto(f"/runs/{viewer.run_id}")
        await expect(run.status).to_have_text("failed")
        await run.rows(kind="operation").click()
        await expect(run.details.get_by_role("heading", name="Attributes")).to_be_visible()
        await expect(button_of(page)).to_be_hidden()
        await expect(run.details.get_by_role("heading", name="Result")).to_have_count(0)
