"""A demo world that answers at once, and every span that the work in it makes."""

from __future__ import annotations

import os
import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spantail_service.demo.faults import Pace
from spantail_service.demo.server import DemoServer
from spantail_service.llm.registry import open_llm
from spantail_service.operations.tools import open_tools
from spantail_service.settings import Settings
from spantail_service.storage.connect import connect
from tests.integration.operations.traces import Traces
from tests.support import tools
from tests.support.work.demo_world import demo_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from spantail_service.operations.base import Tools

AT_ONCE = Pace(scale=0.0)
GONE = "no-such-claude"


@pytest.fixture
def traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[Traces]:
    """What this test traces, and nothing else: the provider is put in place for its time alone."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield Traces(exporter)
    provider.shutdown()


@pytest.fixture(autouse=True)
def _jobs_are_kept_here(new_redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `Settings` of these tests names an empty Redis."""
    monkeypatch.setenv("SPANTAIL_REDIS_URL", new_redis_url)


@pytest.fixture
def claude() -> str:
    """The real Claude CLI: named by SPANTAIL_TEST_CLAUDE, on PATH, or installed for the tests."""
    return os.environ.get("SPANTAIL_TEST_CLAUDE") or shutil.which("claude") or tools.claude_cli()


def demo_world(**options: Any) -> DemoServer:
    """The demo server, without delays and without failures that nobody asked for."""
    return DemoServer(7, **{"pace": AT_ONCE, "rate_limited": 0.0, **options})


def settings_for(demo: DemoServer, **changes: Any) -> Settings:
    """Settings that point every client at the demo; the Claude CLI is gone unless `changes` bring it."""
    return Settings(
        **{
            **demo_settings(demo),
            "anthropic_base_url": demo.anthropic_url,
            "anthropic_api_key": "demo",
            "openrouter_base_url": demo.openrouter_url,
            "openrouter_api_key": "demo",
            **changes,
        }
    )


@asynccontextmanager
async def tools_for(settings: Settings) -> AsyncIterator[Tools]:
    """What operations work with, made from `settings` as the app does."""
    assert settings.storage.redis_url is not None
    redis = connect(settings.storage.redis_url, max_connections=8, timeout_s=5)
    async with (
        redis,
        open_llm(settings.llm, demo=settings.demo) as llm,
        open_tools(settings.operations, llm, redis, demo=settings.demo) as tools,
    ):
        yield tools
