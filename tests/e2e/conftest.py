"""The stage of a journey: a world that can be held, the service as a process of its own, a real browser."""

from __future__ import annotations

import os
import sys
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

from spantail_service.routes.pages.page import STATIC
from tests.support.page.browser import chromium
from tests.support.service.process import ServiceProcess, running_service
from tests.support.strict import missing
from tests.support.tools import ROOT, firefox
from tests.support.work.held_world import HeldWorld, held_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Browser

SOURCES = os.pathsep.join(str(ROOT / part) for part in ("otel", "exporters", "service"))


class Start(Protocol):
    """Starts `spantail serve`; more settings are environment variables."""

    def __call__(self, **environment: str) -> AbstractAsyncContextManager[ServiceProcess]: ...


@pytest.fixture
async def world() -> AsyncIterator[HeldWorld]:
    """Job board and LLM provider of this test."""
    async with held_world() as world:
        yield world


@pytest.fixture
def tools_path(tmp_path: Path) -> Path:
    """A folder that is first on the service's PATH. Nothing further on has a Claude CLI."""
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def start(world: HeldWorld, tools_path: Path, tmp_path: Path) -> Start:
    """The service in `world`, from an empty folder, with a Redis of its own."""
    others = [
        folder
        for folder in os.environ.get("PATH", "").split(os.pathsep)
        if folder and not Path(folder, "claude").exists()
    ]

    @asynccontextmanager
    async def started(**environment: str) -> AsyncIterator[ServiceProcess]:
        own_data = ["--port", "0", "--data-dir", str(tmp_path / "data")]
        command = [sys.executable, "-m", "spantail_service", "serve", *own_data]
        settings = {"PYTHONPATH": SOURCES, "PATH": os.pathsep.join([str(tools_path), *others])}
        # It blocks the event loop, in which the world lives; but until the service has started, and once it is
        # told to stop, nobody asks the world for anything.
        with running_service(command, tmp_path, {**settings, **world.settings, **environment}) as service:
            try:
                yield service
            finally:
                world.gate.open_all()

    return started


@pytest.fixture
async def service(start: Start) -> AsyncIterator[ServiceProcess]:
    """A service in which the Claude CLI is not installed."""
    async with start() as service:
        yield service


@pytest.fixture
def built_page() -> None:
    """The page as Vite builds it."""
    if not (STATIC / "index.html").is_file():
        missing("the page is not built: `make install` builds it")


@pytest.fixture
async def browser(built_page: None, chromium_path: str) -> AsyncIterator[Browser]:
    """A Chromium of this test."""
    async with chromium(chromium_path) as browser:
        yield browser


@pytest.fixture
def firefox_path() -> str:
    """Path of the Firefox that Playwright drives."""
    return firefox()
