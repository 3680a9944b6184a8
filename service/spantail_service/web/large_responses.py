"""Responses that hold a whole run in memory: few are made at a time, and what waits to be sent is bounded in bytes."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from starlette.requests import ClientDisconnect
from starlette.responses import Response

from spantail_service.bounds.byte_budget import BusyError, ByteBudget
from spantail_service.errors import UnavailableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from starlette.types import Message, Receive, Scope, Send

_AT_A_TIME: Final = 2  # answers that are read and made: each takes several times its own size
_LONGEST_WAIT_S: Final = 10.0
_BUDGET_BYTES: Final = 134_217_728
_STREAM_BYTES: Final = 4_194_304  # what one that is made while it is sent holds, about
_CHUNK_BYTES: Final = 262_144
_CHUNK_S: Final = 60.0  # for a reader to take a chunk: one that takes nothing may hold the budget no longer


class TooBusyError(UnavailableError):
    """As many large requests are under way as may be."""

    kind = "too-busy"

    def __init__(self) -> None:
        super().__init__(
            "As many large answers and files are under way as this process takes. Come again in a moment.",
            retry_after_s=5,
        )


class LargeResponses:
    """How much of whole runs one process holds. `budget` is for files that come in, too."""

    def __init__(self) -> None:
        self.budget = ByteBudget(_BUDGET_BYTES)
        self._slots = asyncio.Semaphore(_AT_A_TIME)

    @asynccontextmanager
    async def making(self) -> AsyncIterator[None]:
        """Make a response in this block; waits until few others are made.

        Raises:
            TooBusyError: that was not within ten seconds.
        """
        try:
            async with asyncio.timeout(_LONGEST_WAIT_S):
                await self._slots.acquire()
        except TimeoutError:
            raise TooBusyError from None
        try:
            yield
        finally:
            self._slots.release()


class LargeResponse(Response):
    """The response that `make` gives, made within the bounds of `limits` and sent in chunks.

    What is wrong while it is made is raised, and becomes a problem document.
    """

    def __init__(self, limits: LargeResponses, make: Callable[[], Awaitable[Response]]) -> None:
        super().__init__()
        self._limits = limits
        self._make = make

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer; a reader that takes nothing for a minute is left."""
        with self._limits.budget.hold() as hold:
            async with self._limits.making():
                response = await self._make()
            body = getattr(response, "body", None)
            try:
                hold.take(_STREAM_BYTES if body is None else len(body))
            except BusyError:
                raise TooBusyError from None
            await response(scope, receive, _in_chunks(send))


def _in_chunks(send: Send) -> Send:
    async def send_chunks(message: Message) -> None:
        body = message.get("body", b"")
        at = 0
        while len(body) - at > _CHUNK_BYTES:
            await _taken(send({**message, "body": body[at : at + _CHUNK_BYTES], "more_body": True}))
            at += _CHUNK_BYTES
        await _taken(send({**message, "body": body[at:]} if at else message))

    return send_chunks


async def _taken(sending: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(_CHUNK_S):
            await sending
    except TimeoutError:
        raise ClientDisconnect from None
