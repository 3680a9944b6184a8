"""The list of runs in a browser: it follows what happens, is narrowed, paged, and acted on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from playwright.async_api import expect

from spantail_exporters.model import keys
from tests.e2e.legible import faults_of
from tests.integration.service.harness import ROOT_SPAN, START, Writer, spantail_process
from tests.support.page.browser import open_page

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.async_api import Browser

RUNS = 60


def _id(number: int) -> str:
    return f"{number:032x}"


def _run(writer: Writer, number: int, name: str, *, status: str = "ok", ended: bool = True) -> None:
    start = START + number * 1_000_000
    end: dict[str, Any] = {"end": start + 5, "status": status} if ended else {}
    writer.span(_id(number), name=name, start=start, **end)


async def test_the_list_of_runs(new_redis_url: str, browser: Browser, tmp_path: Path) -> None:
    with Writer(new_redis_url) as writer:
        for number in range(1, RUNS + 1):
            _run(writer, number, "rare" if number == 3 else "common", status="error" if number % 20 == 0 else "ok")
        with spantail_process(
            "serve", "--port", "0", cwd=tmp_path, SPANTAIL_REDIS_URL=new_redis_url,
            SPANTAIL_JAEGER_LINK="http://127.0.0.1:16686/trace/{trace_id}",
        ) as service:  # fmt: skip
            service.await_ready()
            async with open_page(browser, service.url) as (page, complaints):
                await page.goto(f"/runs/{_id(RUNS)}")
                items = page.locator(".run-item")
                await expect(items).to_have_count(50)
                await page.get_by_role("button", name="Older runs").click()
                await expect(items).to_have_count(RUNS)
                await expect(page.get_by_role("button", name="Older runs")).to_be_hidden()
                jaeger = page.get_by_role("link", name="jaeger")
                await expect(jaeger).to_have_attribute("href", f"http://127.0.0.1:16686/trace/{_id(RUNS)}")

                # it follows: a run begins, spends, ends
                _run(writer, RUNS + 1, "live one", ended=False)
                first = items.first
                await expect(first).to_contain_text("live one")
                await expect(first).to_have_attribute("data-status", "running")
                writer.span(
                    _id(RUNS + 1), "a" * 16, parent_id=ROOT_SPAN, kind="llm_call", end=START + 1,
                    account="0 0 1 1 12300000 claude_cli\n",
                )  # fmt: skip
                await expect(first).to_contain_text("$0.0123")
                _run(writer, RUNS + 1, "live one", status="error")
                await expect(first).to_have_attribute("data-status", "failed")

                # it is narrowed
                await page.get_by_label("Status", exact=True).select_option("failed")
                await expect(items).to_have_count(4)
                await page.get_by_label("Filter runs by text").fill("common")
                await expect(items).to_have_count(3)
                await page.get_by_label("Filter runs by text").fill("nowhere")
                await expect(page.get_by_text("No run fits.")).to_be_visible()
                await page.get_by_role("button", name="Show all").click()
                await expect(items).to_have_count(50)
                await page.locator("#run-filter-operation").select_option("rare")
                await expect(items).to_have_count(1)
                await page.locator("#run-filter-operation").select_option("")

                # a link from elsewhere leads to some of the runs, and the filter stays as one goes on
                await page.goto("/?status=failed&operation=common")
                await expect(items).to_have_count(3)
                await expect(page.get_by_label("Status", exact=True)).to_have_value("failed")
                await items.last.click()
                shared = f"{service.url}/runs/{_id(20)}?list=status%3Dfailed%26operation%3Dcommon"
                await expect(page).to_have_url(shared)
                await expect(items).to_have_count(3)
                # whoever gets the address has the same list; back and forward have the one of then
                await page.goto(shared)
                await expect(items).to_have_count(3)
                await page.locator("#run-filter-operation").select_option("")
                await expect(page).to_have_url(f"{service.url}/runs/{_id(20)}?list=status%3Dfailed")
                await expect(items).to_have_count(4)
                await page.go_back()
                await expect(page).to_have_url(shared)
                await expect(items).to_have_count(3)
                await page.go_forward()
                await expect(items).to_have_count(4)

                # it is sorted, kept under a name, and had again
                await page.goto("/")
                await expect(items.first).to_be_visible()
                await page.locator("#run-sort").select_option("cost")
                await expect(items.first).to_contain_text("live one")
                await page.get_by_label("Status", exact=True).select_option("failed")
                await expect(page).to_have_url(f"{service.url}/?status=failed&sort=cost")
                await page.get_by_role("button", name="Saved views").click()
                await page.get_by_label("Name of this view").fill("dear failures")
                await page.keyboard.press("Enter")
                assert await faults_of(page) == []
                await page.goto(f"/?from={START}&to={START + 4_000_000}")
                await expect(items).to_have_count(3)
                await expect(page.get_by_label("Started")).to_have_value("range")
                await page.get_by_role("button", name="Saved views").click()
                await page.get_by_role("button", name="dear failures", exact=True).click()
                await expect(page).to_have_url(f"{service.url}/?status=failed&sort=cost")
                await expect(items).to_have_count(4)
                await page.get_by_role("button", name="Remove the view dear failures").click()
                await expect(page.get_by_role("button", name="dear failures", exact=True)).to_have_count(0)
                await page.goto(f"/runs/{_id(RUNS)}")
                await expect(items).to_have_count(50)

                # it is acted on
                await page.locator("#run-menu-button").click()
                menu = page.get_by_role("menu")
                await menu.get_by_role("menuitem", name="Pin").click()
                await expect(menu).to_be_hidden()
                await page.get_by_role("button", name="Pinned runs only").click()
                await expect(items).to_have_count(1)
                assert writer.redis.sismember(keys.RUNS_PINNED, _id(RUNS))
                await page.get_by_role("button", name="Pinned runs only").click()
                await expect(items).to_have_count(50)

                await page.locator("#run-menu-button").click()
                async with page.expect_download() as downloading:
                    await menu.get_by_role("menuitem", name="Events").click()
                download = await downloading.value
                assert download.suggested_filename == f"{_id(RUNS)}.ndjson"
                file = tmp_path / download.suggested_filename
                await download.save_as(file)
                await page.locator("#run-menu-button").click()
                await menu.get_by_role("menuitem", name="Delete").click()
                assert writer.redis.exists(keys.run_keys(_id(RUNS)).meta)  # asked first
                await menu.get_by_role("menuitem", name="Delete it").click()
                await expect(page.locator(f'.run-item[data-run-id="{_id(RUNS)}"]')).to_have_count(0)

                await page.locator("#import-file").set_input_files(file)
                await expect(page).to_have_url(f"{service.url}/runs/{_id(RUNS)}")
                await expect(page.locator("#run-status")).to_have_text("failed")
                await page.locator("#import-file").set_input_files(file)
                await expect(page.get_by_text("was not imported. This run is here already")).to_be_visible()
                await complaints.expect("409")
