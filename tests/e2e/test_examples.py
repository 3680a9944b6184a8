"""The examples as their readers see them: started from a shell, looked at on the page.

What they store is checked in tests/house; here it is that they are seen.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
from playwright.async_api import expect

from tests.e2e.conftest import SOURCES
from tests.e2e.page import RunPage
from tests.support.page.browser import open_page
from tests.support.service.process import running_service
from tests.support.tools import ROOT
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from playwright.async_api import Browser

    from tests.e2e.conftest import Start
    from tests.support.service.process import ServiceProcess

_TIMEOUT_S = 60


async def test_a_stock_application_is_seen(service: ServiceProcess, browser: Browser) -> None:
    endpoint = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{service.url}/v1/traces"}
    async with example("stock_opentelemetry.py", endpoint) as process:
        address = await first_line(process)
    async with open_page(browser, service.url) as (page, _):
        await page.goto(address)
        run = RunPage(page)
        await expect(run.rows()).to_have_count(4)
        await expect(run.rows(name="answer a question")).to_have_attribute("aria-level", "1")
        for name in ("find documents", "chat gpt-4o-mini", "store the answer"):
            await expect(run.rows(name=name)).to_have_attribute("aria-level", "2")
        await expect(run.rows(name="chat gpt-4o-mini")).to_contain_text("412→96")
        await run.rows(name="store the answer").click()
        await expect(run.details.get_by_label("Traceback", exact=True)).to_contain_text("the database did not answer")


async def test_a_live_application_is_seen_while_it_works(start: Start, browser: Browser, new_redis_url: str) -> None:
    """Service and example share a Redis, and nothing else."""
    shared = {"SPANTAIL_REDIS_URL": new_redis_url}
    async with start(**shared) as service, open_page(browser, service.url) as (page, _):
        settings = {**shared, "SPANTAIL_URL": service.url, "PYTHONPATH": SOURCES}
        await page.goto("/")
        await expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
        run = RunPage(page)
        async with example("live_pipeline.py", settings) as process:
            await first_line(process)
            await eventually_async(lambda: service.json("/api/runs")["runs"], 30, what="the run in the list")
            # It works for less than two seconds, which a busy machine needs to draw the page: time stands still.
            process.send_signal(signal.SIGSTOP)
            item = page.get_by_role("navigation", name="Runs").get_by_role("link", name="summarise a folder")
            await expect(item).to_have_attribute("data-status", "running")
            await expect(run.rows(name="summarise a folder")).to_have_attribute("data-status", "running")
            process.send_signal(signal.SIGCONT)
        await expect(run.status).to_have_text("completed")
        await expect(run.rows(kind="llm_call", status="ok")).to_have_count(5)
        await expect(run.field("cost")).to_contain_text("$0.")
        await expect(run.livetail.get_by_text("document 4 is short")).to_be_visible()


async def test_code_of_an_older_logger_is_seen(
    start: Start, browser: Browser, new_redis_url: str, tmp_path: Path
) -> None:
    """Its layers, its calls and what they cost, its fallback and its lines stand on the page."""
    shared = {"SPANTAIL_REDIS_URL": new_redis_url, "PYTHONPATH": SOURCES}
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(ROOT / "examples"), "--port", "0", "older_code:app"]
    (tmp_path / "older").mkdir()
    async with start(**shared) as service, open_page(browser, service.url) as (page, _):
        with running_service(command, tmp_path / "older", shared) as application:
            async with httpx.AsyncClient(base_url=application.url, timeout=60) as client:
                answer = (await client.post("/jobs/7/generate-annotations")).json()
            run_id: str = answer["run_id"]
            # The answer does not wait for the first span; of a run that nobody has heard of the browser notes a 404.
            await until_known(service.url, run_id)
            await page.goto(f"/runs/{run_id}")
            run = RunPage(page)
            await expect(run.status).to_have_text("completed")
        await expect(run.rows(name="generate-annotations")).to_have_attribute("aria-level", "1")
        await expect(run.rows(name="match")).to_have_attribute("aria-level", "2")
        await expect(run.rows(kind="llm_call", backend="claude_cli", status="error")).to_have_count(1)
        await expect(run.rows(kind="llm_call", backend="langchain", status="ok")).to_contain_text("400→60")
        chain = run.tree.locator(".row-chain:visible").first
        await expect(chain).to_have_attribute("data-real", "")
        await expect(chain).to_contain_text("claude_cli failed")
        await expect(chain.locator(".mark")).to_have_attribute("data-mark", "fallback")
        await expect(run.backends.get_by_role("row", name="total")).to_contain_text("$0.0001")
        await expect(run.layers).to_have_count(1)
        await expect(run.livetail.get_by_text("that was all")).to_be_visible()
        await expect(run.livetail.get_by_text("LLM call fell back").first).to_be_visible()


async def until_known(url: str, run_id: str) -> None:
    """Until the service knows the run."""
    async with httpx.AsyncClient(base_url=url) as client:

        async def is_known() -> bool:
            return (await client.get(f"/api/runs/{run_id}")).status_code == 200

        await eventually_async(is_known)  # type: ignore[arg-type]  # mypy finds no T in a coroutine


@asynccontextmanager
async def example(name: str, environment: dict[str, str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """An example on its way; at the end of the block it has come to its own end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, ROOT / "examples" / name, env=os.environ | environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield process
        async with asyncio.timeout(_TIMEOUT_S):
            await process.communicate()
        assert process.returncode == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def first_line(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async with asyncio.timeout(_TIMEOUT_S):
        return (await process.stdout.readline()).decode().strip()
