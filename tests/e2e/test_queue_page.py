"""The page of the queue: what waits is seen, cancelled and queued again; a queued run tells its place."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING, Any

from playwright.async_api import expect

from tests.e2e.legible import faults_of
from tests.e2e.page import RUN_ADDRESS, RunPage
from tests.e2e.viewer import client_of
from tests.integration.service.harness import spantail_process
from tests.support.page.browser import open_page
from tests.support.service.served import served_app

if TYPE_CHECKING:
    from pathlib import Path

    import httpx
    from playwright.async_api import Browser, Locator, Page

    from tests.e2e.conftest import Start
    from tests.support.work.held_world import HeldWorld

SEARCH = {"job_titles": ["python developer"]}
TELEPHONE = {"width": 390, "height": 844}


async def put_in(client: httpx.AsyncClient, title: str = "python developer", **more: Any) -> dict[str, Any]:
    wanted = {"operation": "job-search", "input": {"job_titles": [title]}, **more}
    answer = await client.post("/api/queue", json=wanted)
    assert answer.status_code == 202, answer.text
    queued: dict[str, Any] = answer.json()
    return queued


def items(page: Page, group: str = "") -> Locator:
    """The rows of items that are shown."""
    part = f'[data-group="{group}"]' if group else ""
    return page.locator(f'#queue-page [role=row][data-kind="item"]{part}:visible')


def runner_of(page: Page, pid: int) -> Locator:
    """The runner that is the process `pid`."""
    runners = page.get_by_role("complementary", name="Runners").get_by_role("listitem")
    return runners.filter(has=page.locator(".runner-name", has_text=re.compile(f":{pid}$")))


async def test_an_item_from_its_start_to_its_retry(new_redis_url: str, browser: Browser) -> None:
    async with (
        served_app(new_redis_url) as served,
        served.client() as client,
        open_page(browser, f"http://{served.address}") as (page, _),
    ):
        await page.goto("/queue")
        await expect(page).to_have_title("Queue – Spantail")
        await expect(page.get_by_role("link", name="Queue")).to_have_attribute("aria-current", "page")
        await expect(page.get_by_text("The queue is empty.")).to_be_visible()

        # pushed as it happens
        first = await put_in(client, priority="low")
        await put_in(client, "nurse", priority="high")
        await put_in(client, "welder", delay_s=600)
        await expect(items(page, "waiting")).to_have_count(2)
        await expect(items(page, "waiting").first).to_contain_text("nurse")
        await expect(items(page, "waiting").first).to_contain_text("next")
        await expect(items(page, "waiting").last).to_contain_text("2nd")
        await expect(items(page, "delayed")).to_contain_text("in 9 m")
        await expect(page.get_by_role("button", name="Waiting 2")).to_be_visible()

        # its run
        await items(page, "waiting").last.get_by_role("link", name="python developer").click()
        await expect(page).to_have_url(f"http://{served.address}/runs/{first['run_id']}")
        run = RunPage(page)
        await expect(run.status).to_have_text("queued")
        wait = page.locator("#run-wait")
        await expect(wait).to_contain_text("Waiting in the queue, 2nd")
        await wait.get_by_role("button", name="Cancel").click()
        await expect(run.status).to_have_text("cancelled")
        await expect(wait).to_be_hidden()

        # and back
        await page.go_back()
        await expect(items(page, "done")).to_contain_text("cancelled")
        await items(page, "done").get_by_role("button", name="Retry").click()
        await expect(page.get_by_text("Queued again: job search · python developer")).to_be_visible()
        again = items(page, "waiting").last
        await expect(again.get_by_role("link", name=first["run_id"][:8])).to_be_visible()
        await again.get_by_role("button", name="Cancel").click()
        await expect(page.get_by_text("Cancelled: job search · python developer")).to_be_visible()
        await expect(items(page, "waiting")).to_have_count(1)

        # one group alone
        await page.get_by_role("button", name="Delayed 1").click()
        await expect(items(page)).to_have_count(1)
        await expect(items(page)).to_contain_text("welder")


async def test_a_queued_run_becomes_live_by_itself(
    new_redis_url: str, start: Start, world: HeldWorld, browser: Browser, tmp_path: Path
) -> None:
    """Nobody works on the queue at first; then a runner comes, and is seen with what it does."""
    settings = {"SPANTAIL_REDIS_URL": new_redis_url}
    world.gate.shut("openai")
    async with (
        start(SPANTAIL_RUNNERS="0", **settings) as service,
        client_of(service.url) as client,
        open_page(browser, service.url) as (page, _),
    ):
        queued = await put_in(client)
        run = RunPage(page)
        await page.goto(f"/runs/{queued['run_id']}")
        await expect(run.status).to_have_text("queued")
        await expect(page.locator("#run-wait")).to_contain_text("Waiting in the queue, next")
        with spantail_process("runner", cwd=tmp_path, **settings, **world.settings):
            await expect(run.status).to_have_text("running")
            await expect(page.locator("#run-wait")).to_be_hidden()
            await expect(run.rows(name="waiting in the queue")).to_have_attribute("data-status", "ok")

            await page.get_by_role("link", name="Queue").click()
            await expect(items(page, "running")).to_contain_text("1 of 3")
            runners = page.get_by_role("complementary", name="Runners")
            worker = runners.get_by_role("listitem").filter(has_text="1 of 4 busy")
            await expect(worker.get_by_role("link", name="job-search")).to_have_attribute(
                "href", f"/runs/{queued['run_id']}"
            )
            world.gate.open("openai")
            await expect(items(page, "done")).to_contain_text("done")
            await page.go_back()
            await expect(run.status).to_have_text("completed")


async def test_a_runner_that_drains_and_one_that_dies_are_told_apart(
    new_redis_url: str, start: Start, world: HeldWorld, browser: Browser, tmp_path: Path
) -> None:
    """Two runners, one item each: one is told to stop and ends its item, the other is killed and its item goes on."""
    settings = {"SPANTAIL_REDIS_URL": new_redis_url, "SPANTAIL_QUEUE_LEASE_S": "5", "SPANTAIL_RUNNER_DRAIN_S": "300"}
    world.gate.shut("openai")
    async with (
        start(SPANTAIL_RUNNERS="0", **settings) as service,
        client_of(service.url) as client,
        open_page(browser, service.url) as (page, _),
    ):
        await page.goto("/queue")
        panel = page.get_by_role("complementary", name="Runners")
        command = ("runner", "--concurrency", "1")
        with (
            spantail_process(*command, cwd=tmp_path, **settings, **world.settings) as draining,
            spantail_process(*command, cwd=tmp_path, **settings, **world.settings) as dying,
        ):
            await put_in(client)
            await put_in(client, "nurse")
            leaving, dead = (runner_of(page, process.process.pid) for process in (draining, dying))
            for runner in (leaving, dead):
                await expect(runner).to_have_attribute("data-state", "busy")
                await expect(runner).to_contain_text("1 of 1 busy")
            await world.gate.held("openai", 2)
            runners = {each["pid"]: each for each in (await client.get("/api/runners")).json()["runners"]}
            (cut_off,) = runners[dying.process.pid]["running"]

            draining.process.send_signal(signal.SIGTERM)
            await expect(leaving).to_have_attribute("data-state", "draining")
            await expect(leaving.get_by_role("link", name="job-search")).to_be_visible()  # it ends what it has

            dying.process.kill()
            await expect(dead).to_have_attribute("data-state", "dead")
            await expect(dead).to_contain_text("not heard for")
            await expect(panel).to_contain_text("1 of 1 busy")
            # its item waits for another runner, and knows the run that was cut off
            again = items(page, "waiting")
            await expect(again.get_by_role("link", name=cut_off["run_id"][:8])).to_be_visible()

            world.gate.open("openai")
            await expect(items(page, "done")).to_contain_text("done")
            await expect(leaving).to_have_count(0)
            assert draining.ended() == 0
            await expect(panel).to_contain_text("No runner is alive: what is queued waits.")
            await expect(dead).to_be_visible()


async def test_a_run_is_queued_by_the_form(new_redis_url: str, browser: Browser) -> None:
    async with (
        served_app(new_redis_url) as served,
        served.client() as client,
        open_page(browser, f"http://{served.address}") as (page, complaints),
    ):
        await page.goto("/queue")
        await page.get_by_role("button", name="New run").click()
        form = page.get_by_role("dialog", name="New run")
        await form.get_by_text("Job search", exact=True).click()
        await form.get_by_label("Job titles").fill("python developer")
        await form.get_by_text("Queue it").click()
        await form.get_by_label("Priority").select_option("high")
        await form.get_by_label("Budget in USD").fill("-1")
        await form.get_by_role("button", name="Queue run").click()
        # what the service refuses is said at its field
        budget = form.locator('.field[data-field="budget_usd"]')
        await expect(budget.get_by_text("greater than 0")).to_be_visible()
        await complaints.expect("422")
        await form.get_by_label("Budget in USD").fill("0.05")
        await form.get_by_role("button", name="Queue run").click()
        await expect(page).to_have_url(RUN_ADDRESS)
        await expect(RunPage(page).status).to_have_text("queued")
        await expect(page.locator("#run-wait")).to_contain_text("Waiting in the queue, next")
        (item,) = (await client.get("/api/queue")).json()["items"]
        assert (item["priority"], item["run_id"]) == ("high", RunPage(page).run_id)


async def test_without_a_websocket_the_queue_is_asked_for(new_redis_url: str, browser: Browser) -> None:
    async with (
        served_app(new_redis_url) as served,
        served.client() as client,
        open_page(browser, f"http://{served.address}") as (page, _),
    ):
        await page.route_web_socket("**/ws/queue", lambda socket: socket.close(code=1013))
        await page.goto("/queue")
        await expect(page.get_by_text("The queue is empty.")).to_be_visible()
        await put_in(client)
        await expect(items(page, "waiting")).to_have_count(1)


async def test_more_than_is_listed_is_counted(new_redis_url: str, browser: Browser) -> None:
    async with (
        served_app(new_redis_url) as served,
        served.client() as client,
        open_page(browser, f"http://{served.address}", viewport={"width": 1440, "height": 900}) as (page, _),
    ):
        for number in range(130):
            await put_in(client, f"title {number}")
        await page.goto("/queue")
        await expect(page.get_by_text("Waiting 130, the first 100 are listed")).to_be_visible()
        # only what is in sight has elements
        assert await page.locator("#queue-page [role=row]").count() < 70
        await page.get_by_role("rowgroup", name="Items", exact=True).press("End")
        await expect(items(page).last).to_contain_text("100th")


async def test_the_queue_can_be_read_by_everybody(new_redis_url: str, browser: Browser) -> None:
    async with served_app(new_redis_url) as served, served.client() as client:
        await put_in(client, "a name that is so long that it has no room in a row of a telephone")
        await put_in(client, "welder", delay_s=600)
        for options in ({"color_scheme": "light"}, {"color_scheme": "dark"}, {"viewport": TELEPHONE}):
            async with open_page(browser, f"http://{served.address}", **options) as (page, _):
                await page.goto("/queue")
                await expect(items(page)).to_have_count(2)
                assert await faults_of(page) == []
