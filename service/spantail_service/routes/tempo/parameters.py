"""What Tempo's routes read from a query string."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeVar

from fastapi import Depends, Query

from spantail_service.errors import InputRefusedError
from spantail_service.tempo.recent import Period
from spantail_service.tempo.regex import RegexError
from spantail_service.tempo.tokens import nanoseconds
from spantail_service.tempo.traceql import UNDERSTOOD, TraceQLError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

LARGEST = 2**32 - 1
"""Largest number that Tempo's own parameters take."""

_SECOND_US = 1_000_000
_Read = TypeVar("_Read")


def searched_period(
    start: Annotated[int | None, Query(ge=0, le=LARGEST, description="Begin of the time, seconds since 1970.")] = None,
    end: Annotated[int | None, Query(ge=0, le=LARGEST, description="End of the time, seconds since 1970.")] = None,
) -> Period:
    """The time that is searched; 0 is as good as nothing."""
    if start and end and end <= start:
        raise InputRefusedError("`start` has to be before `end`.", kind="malformed-period")
    return Period(start * _SECOND_US if start else None, (end + 1) * _SECOND_US if end else None)


Within = Annotated[Period, Depends(searched_period)]
"""The time that is searched, from `start` and `end`."""


def understood(read: Callable[[str], _Read], text: str) -> _Read:
    """What `read` makes of a query.

    Raises:
        InputRefusedError: it names the part that is not understood, and what is.
    """
    try:
        return read(text)
    except TraceQLError as error:
        data = {"part": error.part, "at": error.at, "understood": list(UNDERSTOOD)}
        raise InputRefusedError(str(error), kind="traceql-not-understood", data=data) from None


async def bounded(work: Awaitable[_Read]) -> _Read:
    """The result of a search.

    Raises:
        InputRefusedError: a pattern takes more work than one may.
    """
    try:
        return await work
    except RegexError as error:
        raise InputRefusedError(f"{error}.", kind="traceql-too-costly") from None


def duration(name: str, text: str) -> int | None:
    """The duration (ns) that the parameter `name` has; `None` when it is empty.

    Raises:
        InputRefusedError: it is none.
    """
    if not text:
        return None
    found = nanoseconds(text)
    if found is None or found < 0:
        raise InputRefusedError(f"`{name}` is a duration such as 1.5s or 200ms.", kind="malformed-duration")
    return found
