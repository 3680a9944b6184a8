"""`capture_output`: reads what a process prints, on a thread or as a task, and never holds it up."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, overload

from spantail.adapters.process_output import ProcessOutput
from spantail.adapters.runs import runs
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    import io
    from collections.abc import Callable
    from types import TracebackType

_CHUNK: Final = 64 * 1024  # bytes
_STDOUT: Final = "stdout"
_STDERR: Final = "stderr"


class Capture:
    """What is read from a process or a stream on threads; `capture_output` makes it.

    Use it with `with`: the block ends when all output has been read and the process has ended.
    """

    def __init__(self, output: ProcessOutput, streams: dict[str, Any], process: subprocess.Popen[Any] | None) -> None:
        self._output = output
        self._process = process
        self._left = len(streams)
        self._lock = threading.Lock()
        self._failure: BaseException | None = None
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._read, args=(name, stream), name=f"spantail-{name}", daemon=True)
            for name, stream in streams.items()
        ]
        for thread in self._threads:
            thread.start()

    @property
    def counts(self) -> dict[str, int]:
        """`lines`, `lines_dropped`, `bytes`, `bytes_cut` and `lines_not_utf8`, so far."""
        return self._output.counts

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all output has been read and the process has ended.

        Args:
            timeout_s: The longest wait, in seconds; None is without an end.

        Returns:
            False when the time was not enough.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(None if deadline is None else max(deadline - time.monotonic(), 0.0))
        return self._over.is_set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None:
        self.wait()

    def _read(self, name: str, stream: Any) -> None:
        self._output.enter()
        failure: BaseException | None = None
        try:
            while chunk := _read_some(stream):
                self._output.feed(name, chunk)
        except Exception as error:  # closed by the application, for example
            failure = error
        self._output.end_of(name)
        with self._lock:
            self._left -= 1
            self._failure = self._failure or failure
            is_last = not self._left
        if is_last:
            exit_code = None if self._process is None else self._process.wait()
            self._output.finish(exit_code, self._failure)
            self._over.set()


class AsyncCapture:
    """What is read from a process or a stream as tasks; `capture_output` makes it.

    Use it with `async with`: the block ends when all output has been read and the process has ended.
    """

    def __init__(
        self,
        output: ProcessOutput,
        streams: dict[str, asyncio.StreamReader],
        process: asyncio.subprocess.Process | None,
    ) -> None:
        self._output = output
        self._process = process
        self._task = asyncio.ensure_future(self._run(streams))
        self._task.add_done_callback(lambda _: output.finish(None))  # cancelled before it began

    @property
    def counts(self) -> dict[str, int]:
        """`lines`, `lines_dropped`, `bytes`, `bytes_cut` and `lines_not_utf8`, so far."""
        return self._output.counts

    async def wait(self) -> None:
        """Wait until all output has been read and the process has ended. To cancel the wait stops nothing else."""
        await asyncio.shield(self._task)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None:
        await self.wait()

    async def _run(self, streams: dict[str, asyncio.StreamReader]) -> None:
        self._output.enter()  # in the context of this task, and of those that it starts
        failure: BaseException | None = None
        exit_code = None
        try:
            found = await asyncio.gather(
                *(self._read(name, stream) for name, stream in streams.items()), return_exceptions=True
            )
            failure = next((error for error in found if isinstance(error, BaseException)), None)
            if self._process is not None:
                exit_code = await self._process.wait()
        except BaseException as error:  # the loop is closed down
            failure = error
            raise
        finally:
            self._output.finish(exit_code, failure)
            del failure

    async def _read(self, name: str, stream: asyncio.StreamReader) -> None:
        try:
            while chunk := await stream.read(_CHUNK):
                self._output.feed(name, chunk)
        finally:
            self._output.end_of(name)


@overload
def capture_output(
    source: asyncio.subprocess.Process | asyncio.StreamReader,
    *,
    name: str | None = None,
    run_id: str | None = None,
    on_line: Callable[[bytes], object] | None = None,
) -> AsyncCapture: ...


@overload
def capture_output(
    source: subprocess.Popen[Any] | io.IOBase,
    *,
    name: str | None = None,
    run_id: str | None = None,
    on_line: Callable[[bytes], object] | None = None,
) -> Capture: ...


def capture_output(
    source: asyncio.subprocess.Process | asyncio.StreamReader | subprocess.Popen[Any] | io.IOBase,
    *,
    name: str | None = None,
    run_id: str | None = None,
    on_line: Callable[[bytes], object] | None = None,
) -> AsyncCapture | Capture:
    """Read what a process prints, and write it to a span of its own, line by line, while it runs.

    A line of JSON with an `event` becomes what that event becomes (`spantail.adapters`): LLM calls and layers are spans
    below the process's span. Any other line is a log line of that span. However much the child prints, it never has to
    wait: lines beyond 1,000 a second are counted and left out, but never those about LLM calls and steps; a line is cut
    at 64 KB.

    Args:
        source: A process that was started with `stdout=PIPE`, and `stderr=PIPE` where that is wanted too; or a stream
            alone. What reads it is a thread, or for asyncio a task; nobody else may read it.
        name: The name of the span; by default that of the program.
        run_id: The run that it belongs to, made by `create_operation_run`; by default that of the current span.
        on_line: Called with each line, without its end, cut at 64 KB.

    Returns:
        What to wait for.

    Raises:
        ValueError: The process has no pipe to be read from.
    """
    process = source if isinstance(source, subprocess.Popen | asyncio.subprocess.Process) else None
    streams: dict[str, Any] = {_STDOUT: source}
    attributes: dict[str, object] = {}
    if process is not None:
        streams = {_STDOUT: process.stdout, _STDERR: process.stderr}
        streams = {one: stream for one, stream in streams.items() if stream is not None}
        if not streams:
            raise ValueError("the process has no pipe: start it with stdout=PIPE")
        attributes["process.pid"] = process.pid
        if isinstance(process, subprocess.Popen) and (program := _program(process.args)):
            attributes["process.executable.name"] = program
            name = name or program
    run = runs.get(run_id) if run_id else None
    place = None if run is None else run.place()
    output = ProcessOutput(name or "process", attributes, place=place, on_line=on_line)
    if isinstance(source, asyncio.subprocess.Process | asyncio.StreamReader):
        return AsyncCapture(output, streams, source if isinstance(source, asyncio.subprocess.Process) else None)
    return Capture(output, streams, source if isinstance(source, subprocess.Popen) else None)


def _read_some(stream: Any) -> bytes:
    """Read what is there, at most a chunk; waits for the first byte, empty at the end."""
    raw = getattr(stream, "buffer", stream)  # beneath a stream of text
    chunk = raw.read1(_CHUNK) if hasattr(raw, "read1") else raw.read(_CHUNK)
    return chunk.encode() if isinstance(chunk, str) else bytes(chunk or b"")


def _program(arguments: Any) -> str:
    with contextlib.suppress(Exception):
        first = arguments if isinstance(arguments, str | bytes | os.PathLike) else arguments[0]
        return Path(os.fsdecode(first).split(" ", maxsplit=1)[0]).name
    report_trouble("a program has no name")
    return ""
