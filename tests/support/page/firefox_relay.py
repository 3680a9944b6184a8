"""Between Playwright and a stock Firefox: starts the browser and hands on what the two say to each other.

Both speak WebDriver BiDi, but Playwright begins each context with a command that Firefox does not have yet: to override
media features, none of them. There is nothing to do for it, so it is answered here; when a feature is named, Firefox
refuses the command itself. Playwright starts this file in the browser's place.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from typing import TYPE_CHECKING, Final

import orjson
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

if TYPE_CHECKING:
    from websockets.asyncio.connection import Connection
    from websockets.asyncio.server import ServerConnection

FIREFOX: Final = "SPANTAIL_TEST_FIREFOX_PROGRAM"
"""The variable that names the browser itself."""

_LISTENS: Final = re.compile(rb"WebDriver BiDi listening on (ws://\S+)")
_LACKING: Final = b"emulation.setMediaFeaturesOverride"


def _answer(message: bytes) -> bytes | None:
    """What Firefox would say if it had the command; None for all others."""
    if _LACKING not in message:
        return None
    asked = orjson.loads(message)
    if asked.get("method") != _LACKING.decode() or asked["params"].get("features"):
        return None
    return orjson.dumps({"type": "success", "id": asked["id"], "result": {}})


async def _hand_on(source: Connection, target: Connection) -> None:
    async for message in source:
        data = message.encode() if isinstance(message, str) else message
        if answer := _answer(data):
            await source.send(answer, text=True)
        else:
            await target.send(data, text=True)


async def _relay(firefox: asyncio.subprocess.Process, address: str) -> None:
    async def on_connection(playwright: ServerConnection) -> None:
        async with connect(f"{address}/session", max_size=None, ping_interval=None, compression=None) as browser:
            both = [asyncio.create_task(_hand_on(*way)) for way in ((playwright, browser), (browser, playwright))]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()

    async with serve(on_connection, "127.0.0.1", 0, max_size=None, ping_interval=None, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        sys.stderr.write(f"WebDriver BiDi listening on ws://127.0.0.1:{port}\n")
        sys.stderr.flush()
        await firefox.wait()


async def _main() -> int:
    firefox = await asyncio.create_subprocess_exec(os.environ[FIREFOX], *sys.argv[1:], stderr=asyncio.subprocess.PIPE)
    assert firefox.stderr is not None
    relaying = None
    try:
        async for line in firefox.stderr:
            if (found := _LISTENS.search(line)) and relaying is None:
                relaying = asyncio.create_task(_relay(firefox, found[1].decode()))
            elif relaying is None:
                sys.stderr.write(line.decode(errors="replace"))
                sys.stderr.flush()
        if relaying is not None:
            await relaying
    finally:
        if firefox.returncode is None:
            firefox.kill()
    return await firefox.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(_main()))
