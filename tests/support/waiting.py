"""Waiting for a condition instead of for a time."""

from __future__ import annotations

import asyncio
import inspect
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


def eventually(predicate: Callable[[], T], timeout_s: float = 10.0, *, interval_s: float = 0.01, what: str = "") -> T:
    """Call `predicate` until it answers something true, and return that.

    An AssertionError inside it counts as not yet; the last one is shown when time runs out.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        failure: AssertionError | None = None
        answer: T | None = None
        try:
            answer = predicate()
        except AssertionError as error:
            failure = error
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(_complaint(timeout_s, what, answer)) from failure
        time.sleep(interval_s)


async def eventually_async(
    predicate: Callable[[], Awaitable[T] | T],
    timeout_s: float = 10.0,
    *,
    interval_s: float = 0.01,
    what: str = "",
) -> T:
    """As `eventually`, without blocking the event loop; `predicate` may be a plain or an async function."""
    deadline = time.monotonic() + timeout_s
    while True:
        failure: AssertionError | None = None
        answer: T | None = None
        try:
            result = predicate()
            answer = await result if inspect.isawaitable(result) else result
        except AssertionError as error:
            failure = error
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(_complaint(timeout_s, what, answer)) from failure
        await asyncio.sleep(interval_s)


def _complaint(timeout_s: float, what: str, answer: object) -> str:
    return f"not within {timeout_s:g} s{': ' + what if what else ''} (last answer: {answer!r})"
