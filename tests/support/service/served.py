"""The service on a real port, in this event loop: what needs sockets (WebSockets, event streams, slow readers)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from spantail_service.app import create_app
from spantail_service.server import web_config
from spantail_service.services import Services, services_in
from spantail_service.settings import Settings
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from fastapi import FastAPI


@dataclass(frozen=True, slots=True)
class Served:
    """A service that listens."""

    app: FastAPI
    address: str
    server: uvicorn.Server

    @property
    def services(self) -> Services:
        return services_in(self.app)

    def client(self) -> httpx.AsyncClient:
        """An HTTP client of it."""
        return httpx.AsyncClient(base_url=f"http://{self.address}", timeout=30)

    def watch(self, run_id: str, query: str = "", **options: Any) -> connect:
        """A WebSocket of a run."""
        return connect(f"ws://{self.address}/ws/runs/{run_id}/logs{query}", max_size=None, **options)


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the test runner's signals alone."""
        yield


@contextlib.asynccontextmanager
async def served_app(redis_url: str, **settings: Any) -> AsyncIterator[Served]:
    """Serve until the block ends; the stop is the product's own and must be quick."""
    wanted = Settings(redis_url=redis_url, **{"runners": 0, **settings})
    app = create_app(wanted)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = _Server(web_config(app, wanted))
        task = asyncio.create_task(server.serve(sockets=[listener]))
        await eventually_async(lambda: server.started or task.done(), what="the server's start")
        try:
            yield Served(app, f"127.0.0.1:{listener.getsockname()[1]}", server)
        finally:
            services_in(app).hub.stop()
            services_in(app).launcher.stop_waiting()
            server.should_exit = True
            async with asyncio.timeout(15):
                await task


async def frames_of(socket_: ClientConnection) -> list[dict[str, Any]]:
    """Every frame until the service closes; `socket_.close_code` says with what."""
    frames = []
    with contextlib.suppress(ConnectionClosed):
        while True:
            frames.append(orjson.loads(await socket_.recv()))
    return frames


async def next_frame(socket_: ClientConnection) -> dict[str, Any]:
    """The next frame."""
    async with asyncio.timeout(10):
        frame: dict[str, Any] = orjson.loads(await socket_.recv())
        return frame
