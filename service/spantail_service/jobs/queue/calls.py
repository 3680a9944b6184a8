"""Calls of scripts: those that are asked for while others are under way go out together, in one trip."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from redis.exceptions import NoScriptError

if TYPE_CHECKING:
    from redis.asyncio import Redis


class Script(NamedTuple):
    """A script, and the name that Redis knows it by."""

    text: str
    sha: str

    @classmethod
    def of(cls, text: str) -> Script:
        """The script of a text."""
        return cls(text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


class _Asked(NamedTuple):
    script: Script
    arguments: tuple[Any, ...]
    reply: asyncio.Future[Any]


class Calls:
    """Calls scripts, in the order in which they are asked for. Used on one event loop."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._waiting: list[_Asked] = []
        self._task: asyncio.Task[None] | None = None

    async def call(self, script: Script, *arguments: Any) -> Any:
        """Call a script with what follows its name in `EVALSHA`; its reply.

        Raises redis-py's errors: Redis cannot be reached, or the script fails. It may have been carried out then.
        """
        asked = _Asked(script, arguments, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        if self._task is None:
            self._task = asyncio.create_task(self._send(), name="spantail-queue-calls")
        return await asked.reply

    async def close(self) -> None:
        """Wait for what is under way, whose callers may have gone: its connection is not to be closed under it."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _send(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    replies = await self._evaluate(batch)
                except Exception as error:  # noqa: BLE001 - those who asked are told, whatever it is
                    replies = [error] * len(batch)
                for asked, reply in zip(batch, replies, strict=True):
                    if asked.reply.done():  # its caller was cancelled
                        continue
                    if isinstance(reply, Exception):
                        asked.reply.set_exception(reply)
                    else:
                        asked.reply.set_result(reply)
        finally:
            self._task = None

    async def _evaluate(self, batch: list[_Asked]) -> list[Any]:
        replies = await self._trip(batch)
        unknown = [i for i, reply in enumerate(replies) if isinstance(reply, NoScriptError)]
        if unknown:  # Redis was restarted, or its scripts were flushed
            for text in {batch[i].script.text for i in unknown}:
                await self._redis.script_load(text)
            again = await self._trip([batch[i] for i in unknown])
            for i, reply in zip(unknown, again, strict=True):
                replies[i] = reply
        return replies

    async def _trip(self, batch: list[_Asked]) -> list[Any]:
        pipe = self._redis.pipeline(transaction=False)
        for asked in batch:
            pipe.execute_command("EVALSHA", asked.script.sha, *asked.arguments)
        return list(await pipe.execute(raise_on_error=False))
