"""From a command's work to its exit code: signals, errors, and a reader of the output that went away."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import typer

from spantail_service.cli.exit_codes import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_NO_READER, EXIT_NO_RUN
from spantail_service.client.http import NoRunError, ServiceClient, ServiceError
from spantail_service.client.terminal import complain

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

_STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)  # no SIGHUP on Windows


def run_with_client(url: str, token: str | None, work: Callable[[ServiceClient], Awaitable[int]]) -> NoReturn:
    """Run `work` with a client of the service, and end the command with the exit code that it answers.

    Raises:
        typer.Exit: always.
    """

    async def with_client() -> int:
        async with ServiceClient(url, token) as client:
            return await work(client)

    run_to_exit(with_client())


def run_to_exit(work: Coroutine[Any, Any, int]) -> NoReturn:
    """Run `work` and end the command with the exit code that it answers.

    A `ServiceError` becomes one line and a code. SIGINT, SIGTERM and SIGHUP cancel `work`, which so gets to
    leave the terminal as it was; the code is then 128 + the signal's number.

    Raises:
        typer.Exit: always.
    """
    try:
        code = asyncio.run(_until_signal(work))
        sys.stdout.flush()
    except NoRunError as error:
        complain(str(error))
        code = EXIT_NO_RUN
    except ServiceError as error:
        complain(str(error))
        code = EXIT_FAILED
    except KeyboardInterrupt:
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes once more at its end, and would complain.
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_NO_READER
    raise typer.Exit(code)


async def _until_signal(work: Coroutine[Any, Any, int]) -> int:
    task = asyncio.ensure_future(work)
    caught: list[int] = []

    def stop(number: int) -> None:
        caught.append(number)
        task.cancel()

    loop = asyncio.get_running_loop()
    with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C comes as KeyboardInterrupt
        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, stop, number)
    try:
        return await task
    except asyncio.CancelledError:
        if not caught:
            raise
        return 128 + caught[0]
