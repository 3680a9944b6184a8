"""Applications that know nothing of us, each pointed at the service: Logfire, LangChain, the Claude CLI.

The first two are watched while they wait for their model.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import os
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from playwright.async_api import expect

from tests.e2e.conftest import SOURCES as OUR_SOURCES
from tests.e2e.page import RunPage, exact_usd
from tests.e2e.viewer import Viewer, client_of
from tests.exports.sources import HERE, SOURCES, venv_of
from tests.support.otlp.exports import drawn
from tests.support.page.browser import open_page
from tests.support.strict import missing
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path

    import httpx
    from playwright.async_api import Browser

    from tests.support.service.process import ServiceProcess
    from tests.support.work.held_world import HeldWorld

TIMEOUT_S = 90.0


@asynccontextmanager
async def running(command: list[str], environment: Mapping[str, str], folder: Path) -> AsyncIterator[None]:
    """A program that runs beside the block, and has to end well after it."""
    process = await asyncio.create_subprocess_exec(
        *command,
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **environment},
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield
        output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_S)
        assert process.returncode == 0, output.decode(errors="replace")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def only_run(client: httpx.AsyncClient, **wanted: str) -> dict[str, Any]:
    """The one run there is, once it is as `wanted`."""

    async def listed() -> Any:
        runs = (await client.get("/api/runs")).json()["runs"]
        assert len(runs) == 1, runs
        assert {name: runs[0][name] for name in wanted} == wanted
        return runs[0]

    run: dict[str, Any] = await eventually_async(listed, TIMEOUT_S, interval_s=0.05, what=f"a run with {wanted}")
    return run


async def tree_of(client: httpx.AsyncClient, run_id: str) -> str:
    """What a viewer sees of it."""
    return drawn((await client.get(f"/api/traces/{run_id}")).json()["spans"])


async def until_tree(client: httpx.AsyncClient, run_id: str, *lines: str) -> None:
    """Wait until the tree has these lines in it."""

    async def seen() -> Any:
        tree = await tree_of(client, run_id)
        assert [line for line in lines if line not in tree] == [], tree
        return True

    await eventually_async(seen, TIMEOUT_S, interval_s=0.05)


@pytest.mark.slow
async def test_logfire_live(service: ServiceProcess, world: HeldWorld, browser: Browser, tmp_path: Path) -> None:
    python = venv_of("logfire") / "bin" / "python"
    if not python.exists():
        missing("no Logfire: `python -m tests.exports install` installs it")
    world.gate.shut("openai")
    environment = {
        "RECEIVER_URL": service.url,
        "OPENAI_API_KEY": "sk-demo",
        "OPENAI_BASE_URL": world.settings["SPANTAIL_OPENAI_BASE_URL"],
    }
    folder = tmp_path / "app"
    folder.mkdir()
    async with client_of(service.url) as client, open_page(browser, service.url) as (page, _):
        async with running([str(python), str(HERE / "apps" / "live_logfire.py")], environment, folder):
            await world.gate.held("openai")
            run = await only_run(client, status="running", name="answer Ada", service="shop")
            call = "llm_call \"Chat Completion with 'gpt-4o-mini'\", running, openai gpt-4o-mini"
            await until_tree(client, run["run_id"], "span 'answer Ada', running\n", call)

            await page.goto(f"/runs/{run['run_id']}")
            shown = RunPage(page)
            await expect(shown.rows(name="answer Ada", status="running")).to_have_count(1)
            await expect(shown.rows(kind="llm_call", backend="openai", status="running")).to_have_count(1)
            world.gate.open("openai")
        await only_run(client, status="completed")
        await expect(shown.rows(kind="llm_call", backend="openai", status="ok")).to_have_count(1)
        await expect(shown.rows(status="running")).to_have_count(0)
        assert await tree_of(client, run["run_id"]) == (
            "span 'answer Ada'\n"
            "  llm_call \"Chat Completion with 'gpt-4o-mini'\", openai gpt-4o-mini, "
            "input 76, output 24, cache_read 64, reasoning 8, 21000 nano-USD calculated\n"
        )
        await expect(shown.field("cost")).to_have_attribute("title", exact_usd(21_000))


@pytest.mark.slow
async def test_langchain_under_openinference_live(
    service: ServiceProcess, world: HeldWorld, browser: Browser, tmp_path: Path
) -> None:
    if not any(importlib.metadata.distributions(name="openinference-instrumentation-langchain")):
        missing("no OpenInference for LangChain: it is in the dependency group `test`")
    world.gate.shut("openai")
    environment = {
        "PYTHONPATH": OUR_SOURCES,
        "SPANTAIL_STARTS": "otlp",
        "OTEL_EXPORTER_OTLP_ENDPOINT": service.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OPENAI_API_KEY": "sk-demo",
        "OPENAI_BASE_URL": world.settings["SPANTAIL_OPENAI_BASE_URL"],
    }
    folder = tmp_path / "app"
    folder.mkdir()
    async with client_of(service.url) as client, open_page(browser, service.url) as (page, _):
        async with running([sys.executable, str(HERE / "apps" / "live_langchain.py")], environment, folder):
            await world.gate.held("openai")
            run = await only_run(client, status="running", name="RunnableSequence", service="shop")
            await until_tree(
                client, run["run_id"], "'RunnableSequence', running\n", "'ChatOpenAI', running", "'gather'"
            )

            await page.goto(f"/runs/{run['run_id']}")
            shown = RunPage(page)
            await expect(shown.rows(name="ChatOpenAI", status="running")).to_have_count(1)
            world.gate.open("openai")
        await only_run(client, status="completed")
        assert await tree_of(client, run["run_id"]) == (
            "span 'RunnableSequence'\n"
            "  span 'gather'\n"
            "    tool 'price_of'\n"
            "  span 'ChatPromptTemplate'\n"
            "  llm_call 'ChatOpenAI', openai gpt-4o-mini, "
            "input 81, output 24, cache_read 64, reasoning 8, 21750 nano-USD calculated\n"
        )
        await expect(shown.rows(kind="llm_call", backend="openai", status="ok")).to_have_count(1)
        await expect(shown.rows(status="running")).to_have_count(0)
        frame = (await client.get(f"/api/logs/{run['run_id']}")).json()
        assert frame["backends"]["openai"]["cost_nano"] == 21_750
        await expect(shown.field("cost")).to_have_attribute("title", exact_usd(21_750))


@pytest.mark.slow
async def test_the_claude_cli_with_its_own_telemetry(
    service: ServiceProcess, world: HeldWorld, claude_path: str, tmp_path: Path
) -> None:
    source = next(source for source in SOURCES if source.name == "claude_code")
    environment = {
        **source.settings,
        "OTEL_EXPORTER_OTLP_ENDPOINT": service.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "ANTHROPIC_API_KEY": "sk-demo",
        "ANTHROPIC_BASE_URL": world.settings["SPANTAIL_ANTHROPIC_BASE_URL"],
    }
    folder = tmp_path / "app"
    folder.mkdir()
    async with client_of(service.url) as client:
        async with running(source.command(), environment, folder):
            pass
        run = await only_run(client, status="completed", name="claude_code.interaction")
        assert await tree_of(client, run["run_id"]) == (
            "span 'claude_code.interaction'\n"
            "  llm_call 'claude_code.llm_request', anthropic claude-sonnet-4-5, input 523, output 7, "
            "cache_read 400, cache_write 100, 669000 nano-USD calculated\n"
            "  tool 'claude_code.tool'\n"
            "    span 'claude_code.tool.blocked_on_user'\n"
            "    span 'claude_code.tool.execution'\n"
            "  llm_call 'claude_code.llm_request', anthropic claude-sonnet-4-5, input 523, output 17, "
            "cache_read 400, cache_write 100, 819000 nano-USD calculated\n"
        )
        viewer = Viewer(client, run["run_id"])
        await viewer.to_the_end()
        reported = [event.get("attributes", {}) for event in viewer.events]
        costs = [said["cost_usd"] for said in reported if said.get("event.name") == "api_request"]
        # the CLI works its cost out by a price list of its own, and says so in its log: ours agrees
        assert sorted(round(cost * 1e9) for cost in costs) == [669_000, 819_000]
        assert viewer.frame["backends"]["anthropic"]["cost_nano"] == 669_000 + 819_000
