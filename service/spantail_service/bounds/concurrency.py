"""Coroutines that run side by side and end together, and blocking calls that cannot delay the end of the process."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")


async def together(*works: Coroutine[Any, Any, T]) -> list[T]:
    """Run all side by side, each in a copy of the caller's context, and give their results in order.

    The first failure, or a cancellation of the caller, cancels the others; it is raised as it is (a
    `TaskGroup` would wrap it into a group, whose message says nothing) once all have ended.
    """
    tasks = [asyncio.create_task(work) for work in works]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            # `gather` has cancelled them when it was the caller that was cancelled; once more would cut short
            # what they do to clean up.
            if not task.cancelling():
                task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise


async def in_thread(function: Callable[[], T], *, name: str) -> T:
    """The result of a blocking call, made in a daemon thread with the caller's context.

    A thread cannot be stopped: when the caller is cancelled the call goes on and its outcome is dropped.
    A pool would make the interpreter wait for it at exit; a daemon thread does not.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(value: T | None, error: BaseException | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(value)  # type: ignore[arg-type]  # None only when T allows it

    def run() -> None:
        value: T | None = None
        error: BaseException | None = None
        try:
            value = context.run(function)
        except BaseException as raised:  # noqa: BLE001 - handed to the caller, whatever it is
            error = raised
        with suppress(RuntimeError):  # a closed loop: nobody waits any more
            loop.call_soon_threadsafe(settle, value, error)

    context = copy_context()
    threading.Thread(target=run, name=name, daemon=True).start()
    return await outcome
