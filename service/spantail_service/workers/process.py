"""One worker as its supervisor has it: a process, and the channel to it."""

from __future__ import annotations

import asyncio
import socket
import sys
from asyncio.subprocess import DEVNULL
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from spantail_service.workers.channel import Channel
from spantail_service.workers.exchange import Member

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping

    from spantail_service.workers.exchange import Exchange


class WorkerProcess:
    """A worker from its start to its end."""

    def __init__(self, member: Member, process: Process, listening: asyncio.Task[None]) -> None:
        self.member = member
        self._process = process
        self._listening = listening

    @classmethod
    async def start(
        cls,
        number: int,
        listener: socket.socket,
        environment: Mapping[str, str],
        exchange: Exchange,
        *options: str,
    ) -> Self:
        """Start one; it is a program of its own, not a fork: threads and gRPC outlive no fork.

        Args:
            number: Its place, from 1 on.
            listener: The port, which it inherits.
            environment: Its whole environment.
            exchange: Takes what it says.
            options: Of the command.

        Raises:
            OSError: No process can be started at the moment.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            said = await Channel.over(ours)
            inherited = (listener.fileno(), theirs.fileno())
            try:
                process = await asyncio.create_subprocess_exec(
                    sys.executable, "-m", "spantail_service", "worker", *map(str, (number, *inherited)), *options,
                    stdin=DEVNULL, env=environment, pass_fds=inherited,
                    start_new_session=True,  # Ctrl-C is for the supervisor, also while this one still imports
                )  # fmt: skip
            except OSError:
                said.close()
                raise
        member = Member(number, said)
        return cls(member, process, asyncio.create_task(exchange.listen(member), name=f"spantail-worker-{number}"))

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def ready(self) -> bool:
        """Wait until it serves; False when it ends before."""
        is_ready = asyncio.create_task(self.member.is_ready.wait())
        await asyncio.wait([is_ready, self._listening], return_when=asyncio.FIRST_COMPLETED)
        is_ready.cancel()
        return self.member.is_ready.is_set()

    async def ended(self) -> int:
        """Wait for its end; the exit code, or the signal that ended it as a negative number."""
        code = await self._process.wait()
        await self._listening
        return code

    def terminate(self) -> None:
        """Ask it to stop, where it has not ended."""
        with suppress(ProcessLookupError):
            self._process.terminate()

    def kill(self) -> None:
        """End it at once."""
        with suppress(ProcessLookupError):
            self._process.kill()
