"""Serves the demo provider and the demo job board on one free port of loopback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Self

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from spantail_service.demo.job_board import create_job_board_app
from spantail_service.demo.provider import Hold, create_provider_app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from spantail_service.demo.faults import Pace

_START_S = 10.0
_STOP_S = 5.0


class DemoServer:
    """`async with DemoServer(seed) as demo:` – an HTTP server in this event loop, gone at the end.

    `demo.openai_url`, `demo.anthropic_url` and `demo.himalayas_url` are the base URLs for the clients.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        pace: Pace | None = None,
        rate_limited: float = 0.06,
        overloaded: float = 0.0,
        hold: Hold | None = None,
    ) -> None:
        provider = create_provider_app(seed, pace=pace, rate_limited=rate_limited, overloaded=overloaded, hold=hold)
        board = create_job_board_app(seed, pace=pace, hold=hold)
        self._app = Starlette(
            routes=[
                Mount("/openai", provider),
                Mount("/anthropic", provider),
                Mount("/openrouter/api", provider),
                Mount("/himalayas", board),
            ]
        )
        self._port = 0
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Base URL, while it runs."""
        if not self._port:
            raise RuntimeError("the demo server is not running")
        return f"http://127.0.0.1:{self._port}"

    @property
    def openrouter_url(self) -> str:
        """Base URL for clients of OpenRouter."""
        return f"{self.url}/openrouter/api/v1"

    @property
    def openai_url(self) -> str:
        """Base URL for OpenAI clients."""
        return f"{self.url}/openai/v1"

    @property
    def anthropic_url(self) -> str:
        """Base URL for Anthropic clients; they add `/v1` themselves."""
        return f"{self.url}/anthropic"

    @property
    def himalayas_url(self) -> str:
        """Base URL for the job source."""
        return f"{self.url}/himalayas"

    async def __aenter__(self) -> Self:
        listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        config = uvicorn.Config(
            self._app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_graceful_shutdown=1,
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]), name="demo-server")
        ready = asyncio.create_task(self._server.ready.wait())
        try:
            await asyncio.wait([ready, self._serving], timeout=_START_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            if not self._server.started:
                await self._stop()
                listener.close()
        if not self._server.started:
            raise RuntimeError("the demo server did not start")
        self._port = listener.getsockname()[1]
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        self._port = 0
        await self._stop()

    async def _stop(self) -> None:
        if self._server is None or self._serving is None:
            return
        self._server.should_exit = True
        done, _ = await asyncio.wait([self._serving], timeout=_STOP_S)
        if not done:
            self._server.force_exit = True
            self._serving.cancel()
            await asyncio.wait([self._serving], timeout=_STOP_S)


class _Server(uvicorn.Server):
    """Says when it is ready, and leaves the signals to the program around it, whose Ctrl-C they are."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen."""
        await super().startup(sockets)
        self.ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield
