"""Runs one command to its end and hands its output on; where that is stopped, the whole process group is killed."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import PIPE
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_STDIN, _STDOUT = 0, 1
_MAX_STDERR_BYTES = 16_384
_LIMIT_S = 5.0
_GRACE_S = 5.0  # for ending by itself after its result; a child process may hold the pipes open for ever


class _Mark(Enum):
    EXITED = auto()
    END = auto()


class OutputTooLargeError(Exception):
    """The command wrote more to its standard output than it may."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that came to its end."""

    returncode: int
    stderr: bytes
    """Only its end, at most 16 KiB."""


async def run_bounded(
    argv: Sequence[str],
    *,
    stdin: bytes,
    env: Mapping[str, str],
    cwd: Path,
    take: Callable[[bytes], bool],
    grace_s: float = _GRACE_S,
) -> Finished:
    """Run `argv` (never through a shell) in a session of its own and feed it `stdin`.

    When the caller is cancelled, or `take` raises, the whole process group is killed before this returns, so that no
    child process of the command lives on.

    Args:
        argv: The command and its arguments.
        stdin: Its standard input.
        env: Its environment.
        cwd: Its working folder.
        take: Takes each piece of its standard output. True says that the result is there; what it raises is raised
            here.
        grace_s: Seconds that it may go on for after its result, or with its pipes open after its end.

    Raises:
        OSError: The command cannot be started.
    """
    output = _Output()
    transport = await _start(argv, output, env, cwd)
    try:
        # A cast, because uvloop's pipes are no subclasses of asyncio's: a check would feed nothing to them.
        pipe = cast("asyncio.WriteTransport", transport.get_pipe_transport(_STDIN))
        pipe.write(stdin)
        pipe.close()
        await _read(output, take, grace_s)
    finally:
        await _clear_away(transport, output)
    returncode = transport.get_returncode()
    return Finished(-1 if returncode is None else returncode, bytes(output.stderr))


async def _read(output: _Output, take: Callable[[bytes], bool], grace_s: float) -> None:
    """Hand on what comes, until there is no more, or for `grace_s` after the result or the end of the process."""
    limit = asyncio.timeout(None)
    try:
        async with limit:
            while (data := await output.pieces.get()) is not _Mark.END:
                if (data is _Mark.EXITED or take(data)) and limit.when() is None:
                    limit.reschedule(asyncio.get_running_loop().time() + grace_s)
    except TimeoutError:
        if not limit.expired():
            raise


async def _start(
    argv: Sequence[str], output: _Output, env: Mapping[str, str], cwd: Path
) -> asyncio.SubprocessTransport:
    loop = asyncio.get_running_loop()
    # Shielded: asyncio kills but the leader of a process whose start is cancelled, not what that has started.
    starting = asyncio.ensure_future(
        loop.subprocess_exec(
            lambda: output,
            *argv,
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            env=dict(env),
            cwd=cwd,
            start_new_session=True,
        )
    )
    try:
        transport, _ = await asyncio.shield(starting)
    except asyncio.CancelledError:
        # By a callback, because a second cancellation may end this wait but cannot end that.
        starting.add_done_callback(_kill_started)
        await asyncio.wait([starting], timeout=_LIMIT_S)
        if starting.done() and starting.exception() is None:
            await _clear_away(starting.result()[0], output)
        raise
    return transport


def _kill_started(starting: asyncio.Future[tuple[asyncio.SubprocessTransport, _Output]]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        _kill(*starting.result())


def _kill(transport: asyncio.SubprocessTransport, output: _Output) -> None:
    """Kill what still runs of the group, and close the pipes."""
    # Once all has ended the group is gone, and its number may be somebody else's.
    if not output.closed.is_set():
        with suppress(ProcessLookupError):
            os.killpg(transport.get_pid(), signal.SIGKILL)
    transport.close()


async def _clear_away(transport: asyncio.SubprocessTransport, output: _Output) -> None:
    """Kill it, and wait until it has been collected."""
    _kill(transport, output)
    # A process that cannot be interrupted is collected later, by the loop's child watcher.
    with suppress(TimeoutError):
        async with asyncio.timeout(_LIMIT_S):
            await output.closed.wait()


class _Output(asyncio.SubprocessProtocol):
    """Collects what the command writes."""

    def __init__(self) -> None:
        self.pieces: asyncio.Queue[bytes | _Mark] = asyncio.Queue()
        """Standard output, with a mark when the process has ended, and one when there is no more."""
        self.stderr = bytearray()
        self.closed = asyncio.Event()
        """The process has exited and its pipes are closed."""

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep standard output, and the end of standard error."""
        if fd == _STDOUT:
            self.pieces.put_nowait(data)
        else:
            self.stderr += data
            del self.stderr[:-_MAX_STDERR_BYTES]

    def process_exited(self) -> None:
        """A child of it may still hold the pipes."""
        self.pieces.put_nowait(_Mark.EXITED)

    def connection_lost(self, exc: Exception | None) -> None:
        """The end."""
        self.closed.set()
        self.pieces.put_nowait(_Mark.END)
