"""The first trace with eyes on the page. What is seen comes from work that was done; only the world is held."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from playwright.async_api import expect

from tests.e2e.page import RunPage, exact_usd, span_id_of
from tests.e2e.viewer import client_of
from tests.support.page.browser import open_page
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from playwright.async_api import Browser

    from tests.support.service.process import ServiceProcess
    from tests.support.work.held_world import HeldWorld


async def test_a_tree_grows_in_the_browser(service: ServiceProcess, world: HeldWorld, browser: Browser) -> None:
    world.gate.shut("himalayas", "openai")
    async with open_page(browser, service.url) as (page, _):
        await page.goto("/")
        await expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
        await expect(page.get_by_text("demo data", exact=True).first).to_be_visible()

        run = RunPage(page)
        await run.start_search("python developer")
        root = await the_held_run_is_seen_running(run, world)
        calls = await let_go_of_the_source(run, world)

        world.gate.open("openai")
        await expect(run.status).to_have_text("completed")
        for span_id in (root, *calls):
            await expect(run.row(span_id)).to_have_attribute("data-status", "ok")
        await expect(run.rows(status="running")).to_have_count(0)
        await expect(page.locator("#connection")).to_have_text("complete")
        for layer in await run.layers.all():
            await expect(layer).to_have_attribute("data-status", "complete")
        await marks_and_money_are_right(run, service)


async def the_held_run_is_seen_running(run: RunPage, world: HeldWorld) -> str:
    """Root, source and one LLM call, while the board and the provider have not answered; answers the root's id."""
    await expect(run.status).to_have_text("running")
    root = run.rows(kind="operation", name="job search")
    await expect(root).to_have_attribute("data-status", "running")
    await expect(run.rows(kind="retrieval", name="source himalayas")).to_have_attribute("data-status", "running")
    await expect(run.layers.filter(has_text="fetch")).to_have_attribute("data-status", "running")
    await expect(run.layers.filter(has_text="store")).to_have_attribute("data-status", "pending")

    await world.gate.held("himalayas")
    await world.gate.held("openai")
    call = run.rows(kind="llm_call", backend="langchain")
    await expect(call).to_have_count(1)
    await expect(call).to_have_attribute("data-status", "running")
    await expect(run.livetail.locator('[data-event="llm_call_start"]').first).to_be_visible()

    # Time goes on, and the bar with it.
    length = await root.locator(".cell-duration").inner_text()
    await expect(root.locator(".cell-duration")).not_to_have_text(length)
    bar = await root.locator(".bar").bounding_box()
    assert bar is not None
    assert bar["width"] > 10
    return await span_id_of(root)


async def let_go_of_the_source(run: RunPage, world: HeldWorld) -> list[str]:
    """Jobs come in and are scored side by side; answers the LLM calls that are seen running."""
    world.gate.open("himalayas")
    await world.gate.held("openai", 4)
    running = run.rows(kind="llm_call", status="running", backend="langchain")
    await expect(running).to_have_count(4)
    await expect(run.rows(kind="operation")).to_have_attribute("data-status", "running")
    await expect(run.rows(name="score job 1")).to_have_attribute("data-status", "running")
    return [await span_id_of(row) for row in await running.all()]


async def marks_and_money_are_right(run: RunPage, service: ServiceProcess) -> None:
    async with client_of(service.url) as client:
        summary = (await client.get(f"/api/runs/{run.run_id}")).json()
    assert summary["cost_nano"] > 0
    await expect(run.field("cost")).to_have_attribute("title", exact_usd(summary["cost_nano"]))
    await expect(run.field("cost")).to_contain_text(re.compile(r"\$0\.0\d+"))
    await expect(run.field("spans")).to_contain_text(str(summary["spans"]))
    await expect(run.field("fallbacks")).to_contain_text(str(summary["fallbacks"]))
    await expect(run.losses).to_be_hidden()

    for backend, icon in (("claude_cli", "#i-robot"), ("langchain", "#i-chip")):
        mark = run.rows(kind="llm_call", backend=backend).first.locator(".mark")
        await expect(mark).to_have_text(backend)
        await expect(mark.locator("use")).to_have_attribute("href", icon)
        totals = summary["backends"][backend]
        row = run.backends.get_by_role("row").filter(has_text=backend)
        await expect(row.get_by_role("cell").nth(0)).to_have_text(str(totals["calls"]))
        if totals["cost_nano"]:
            await expect(row.get_by_role("cell").last).to_have_attribute("title", exact_usd(totals["cost_nano"]))
    total = run.backends.get_by_role("row", name="total")
    await expect(total.get_by_role("cell").last).to_have_attribute("title", exact_usd(summary["cost_nano"]))


async def test_an_error_is_shown_with_its_traceback(service: ServiceProcess, browser: Browser) -> None:
    """The board fails at the second title; the run goes on with what the first one gave."""
    async with open_page(browser, service.url) as (page, _):
        await page.goto("/")
        run = RunPage(page)
        await run.start_search("python developer", "[[demo-error 500 himalayas]] nurse", results=4)
        await expect(run.status).to_have_text("completed")
        source = run.rows(name="source himalayas")
        await expect(source).to_have_attribute("data-status", "error")
        await expect(source).to_contain_text("HTTP 500")
        await source.click()
        await expect(run.details.get_by_role("heading", name="source himalayas")).to_be_visible()
        await expect(run.details.locator(".error-message")).to_have_text("HTTP 500: Internal Server Error")
        traceback = run.details.get_by_label("Traceback", exact=True)
        await expect(traceback).to_contain_text("himalayas.py")
        await expect(run.details.locator(".error-type")).to_contain_text("SourceUnavailableError")
        await expect(run.details).to_contain_text("spantail.cache")
        await expect(run.details).to_contain_text("cache_miss")

        # The address leads there again, in a browser that has seen nothing of it.
        assert page.url.endswith(f"?span={await span_id_of(source)}")
        address = page.url.removeprefix(service.url)
    async with open_page(browser, service.url) as (page, _):
        await page.goto(address)
        again = RunPage(page)
        await expect(again.rows(name="source himalayas")).to_have_attribute("aria-selected", "true")
        await page.keyboard.press("Escape")
        await again.details.get_by_role("button", name="As sent").click()
        await expect(again.details.get_by_label("Traceback", exact=True)).to_contain_text("SourceUnavailableError")
        await again.details.get_by_role("button", name="Close the details").click()
        await expect(again.details).to_be_hidden()
        await expect(page).to_have_url(re.compile(r"/runs/[0-9a-f]{32}$"))


async def test_a_run_of_someone_else_is_found_in_the_list(
    service: ServiceProcess, world: HeldWorld, browser: Browser
) -> None:
    async with open_page(browser, service.url) as (page, _), client_of(service.url) as client:
        await page.goto("/")
        await expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
        for way in ("Any program on this machine", "Python, with the library", "Any OpenTelemetry exporter"):
            await expect(page.get_by_role("region", name=way).locator("pre")).to_contain_text(service.url)
        world.gate.shut("himalayas")
        body = {"job_titles": ["nurse"], "max_results": 1}
        run_id = (await client.post("/api/jobs/search", json=body)).json()["run_id"]
        item = page.get_by_role("navigation", name="Runs").locator(f'[data-run-id="{run_id}"]')
        await expect(item).to_have_attribute("data-status", "running")
        world.gate.open("himalayas")
        await expect(item).to_have_attribute("data-status", "completed")
        await expect(item).to_contain_text("$0.")
        await expect(RunPage(page).status).to_have_text("completed")


async def test_light_and_dark(service: ServiceProcess, browser: Browser) -> None:
    async with open_page(browser, service.url, color_scheme="dark") as (page, _):
        await page.goto("/")
        night = await RunPage(page).colours()
    async with open_page(browser, service.url, color_scheme="light") as (page, _):
        await page.goto("/")
        day = await RunPage(page).colours()
        assert lightness(day["background"]) > lightness(day["text"])
        assert lightness(night["background"]) < lightness(night["text"])

        await page.get_by_role("button", name="Switch between light and dark").click()
        assert await RunPage(page).colours() == night
        await page.reload()
        assert await RunPage(page).colours() == night


async def test_a_run_that_never_was(service: ServiceProcess, browser: Browser) -> None:
    async with open_page(browser, service.url) as (page, complaints):
        await page.goto(f"/runs/{'0' * 31}1")
        await expect(page.get_by_role("heading", name="There is no such run")).to_be_visible()
        await complaints.expect("404", f"/api/traces/{'0' * 31}1")
        await page.get_by_role("link", name="Show the newest run").click()
        await expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()


async def test_the_form_says_what_is_wrong(service: ServiceProcess, browser: Browser) -> None:
    async with open_page(browser, service.url) as (page, _):
        await page.goto("/")
        await page.get_by_role("button", name="New run").click()
        form = page.get_by_role("dialog", name="New run")
        await form.get_by_role("button", name="Start run").click()
        titles = form.get_by_label("Job titles")
        await expect(titles).to_have_attribute("aria-invalid", "true")
        await expect(titles).to_be_focused()
        await expect(page).to_have_url(f"{service.url}/")


async def test_nothing_goes_wrong_unseen(service: ServiceProcess, browser: Browser) -> None:
    """What the other tests rely on: the browser is told to complain, and the policy holds."""
    async with open_page(browser, service.url) as (page, complaints):
        await page.goto("/")
        await page.evaluate("console.error('said aloud')")
        await page.evaluate("setTimeout(() => { throw new Error('thrown') })")
        await page.evaluate(
            "document.head.append(Object.assign(document.createElement('script'), {text: 'window.ran = true'}))"
        )
        await page.evaluate("new Image().src = 'http://127.0.0.2:9/pixel.png'")
        assert await page.evaluate("window.ran") is None

        def all_told() -> bool:
            said = "\n".join(complaints)
            return all(word in said for word in ("said aloud", "exception: thrown", "script-src", "img-src"))

        await eventually_async(all_told, what="all four complaints")
        complaints.clear()


def lightness(colour: str) -> float:
    """0 to 1, of a colour as `getComputedStyle` gives it."""
    numbers = [float(number) for number in re.findall(r"[\d.]+", colour)]
    if colour.startswith("rgb"):
        return sum(numbers[:3]) / (3 * 255)
    assert colour.startswith(("oklch", "oklab", "lab", "color(srgb")), colour
    return numbers[0] / (100 if colour.startswith("lab") else 1)
