"""Cancelling a run ends its LLM calls: the provider sees its connection closed, a CLI and its children are gone."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from spantail_service.operations.job_search.operation import JOB_SEARCH
from tests.support.runs.live_runs import StoredRun
from tests.support.waiting import eventually_async
from tests.support.work.jobs import opened_jobs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

pytestmark = pytest.mark.anyio

GIVEN = {"job_titles": ["python developer"], "max_results": 1, "sources": ["himalayas"]}
SOON_S = 40.0


class SilentProvider:
    """An HTTP server that takes requests and never answers."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[str] = []
        self.open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        try:
            self.asked.append((await reader.readline()).decode())
            while await reader.read(65_536):
                pass
        finally:
            self.open -= 1
            writer.close()


@asynccontextmanager
async def silent_provider() -> AsyncIterator[SilentProvider]:
    provider = SilentProvider()
    server = await asyncio.start_server(provider.serve, "127.0.0.1", 0)
    async with server:
        provider.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield provider


async def _cancel_in_the_call(redis_url: str, provider: SilentProvider, path: str, **settings: Any) -> set[int]:
    """Queue a search, cancel it once the provider is asked; the processes that there were in the call."""
    before = _children()
    async with opened_jobs(
        redis_url, operations={JOB_SEARCH.name: JOB_SEARCH}, himalayas_url=provider.url, llm_timeout_s=300, **settings
    ) as jobs:
        given = JOB_SEARCH.input_model.model_validate(GIVEN)
        one = await jobs.enqueuer.enqueue(JOB_SEARCH, given)
        await eventually_async(lambda: any(path in line for line in provider.asked), SOON_S, what="it is asked")
        there = _children() - before
        assert await jobs.control.cancel(one.run_id)
        await eventually_async(lambda: provider.open == 0, SOON_S, what="all connections are closed")
        await eventually_async(lambda: not there & _children(), SOON_S, what="no process is left")

        async def is_over() -> Any:
            item = await jobs.queue.get(one.item_id)
            return item is not None and item.status == "cancelled"

        await eventually_async(is_over, SOON_S)
    run = StoredRun(redis_url, one.run_id)
    assert run.meta["status"] == "cancelled"
    assert run.meta["open"] == "0"
    call = next(span for span in run.spans.values() if span["kind"] == "llm_call" and span["status"] == "cancelled")
    assert call["end"] is not None
    return there


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children(recursive=True) if child.status() != psutil.STATUS_ZOMBIE}


async def test_the_provider_sees_its_connection_closed(new_redis_url: str) -> None:
    async with silent_provider() as provider:
        await _cancel_in_the_call(
            new_redis_url,
            provider,
            "/chat/completions",
            claude_command="no-such-command",
            openai_base_url=f"{provider.url}/v1",
            openai_api_key="test",
        )


async def test_the_claude_cli_and_its_children_are_gone(new_redis_url: str, claude_path: str) -> None:
    async with silent_provider() as provider:
        there = await _cancel_in_the_call(
            new_redis_url,
            provider,
            "/v1/messages",
            claude_command=claude_path,
            demo=True,
            anthropic_base_url=provider.url,
            anthropic_api_key="test",
        )
    assert there
