"""The list of runs in another order than by start: the newest that are wanted, sorted as they are now."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from spantail_service.errors import InputRefusedError
from spantail_service.runs.index import LOOKED_AT, MAX_RUNS
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from spantail_service.runs.filter import RunFilter
    from spantail_service.runs.index import RunIndex

Sort = Literal["start", "duration", "cost", "errors"]
"""What comes first: the latest start, the longest, the most expensive, the one with the most spans in error."""

_CURSOR: Final = re.compile(r"(duration|cost|errors):([0-9]{1,16}):([0-9]{1,16}):([0-9a-f]{32}):([0-9]{1,16})")


class SortedPage(NamedTuple):
    """One page of sorted runs, and of how many they are the first."""

    runs: list[dict[str, Any]]
    next_cursor: str | None
    sorted_of: int
    """Runs that were sorted: the newest that are wanted."""
    is_all: bool
    """Whether these are all that are wanted."""


async def sorted_page(index: RunIndex, wanted: RunFilter, sort: Sort, cursor: str | None, limit: int) -> SortedPage:
    """The runs that are `wanted`, those with the most of `sort` first; of equals the newest first.

    Raises:
        InputRefusedError: `cursor` is none of this order.
    """
    after, at = _parsed(cursor, sort)
    found, is_all = await _newest(index, wanted)
    ranked = sorted(((_rank(run, sort, at), run) for run in found), key=lambda one: one[0], reverse=True)
    rest = [one for one in ranked if after is None or one[0] < after]
    page = rest[:limit]
    more = len(rest) > limit
    return SortedPage(
        [run for _, run in page],
        ":".join((sort, *map(str, page[-1][0]), str(at))) if more else None,
        len(ranked),
        is_all,
    )


def duration_us(run: dict[str, Any], at_us: int) -> int:
    """How long a run took, or has gone on for so far, in µs."""
    start = run["start"]
    return max((run["end"] or at_us) - start, 0) if start is not None else 0


def _rank(run: dict[str, Any], sort: Sort, at_us: int) -> tuple[int, int, str]:
    most = {"duration": duration_us(run, at_us), "cost": run["cost_nano"], "errors": run["errors"]}
    return most[sort], run["start"] or 0, run["run_id"]


async def _newest(index: RunIndex, wanted: RunFilter) -> tuple[list[dict[str, Any]], bool]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    # conditions that no index answers are looked up over a bounded number of runs by each call
    rounds = 1 if wanted.looks_inside else LOOKED_AT // MAX_RUNS
    for _ in range(rounds):
        page = await index.page(cursor, LOOKED_AT if wanted.looks_inside else MAX_RUNS, wanted)
        found += page.runs
        cursor = page.next_cursor
        if cursor is None:
            return found, True
    return found, False


def _parsed(cursor: str | None, sort: Sort) -> tuple[tuple[int, int, str] | None, int]:
    """After which run to go on, and at what time (µs) its page was made: what goes on grows no longer meanwhile."""
    if cursor is None:
        return None, now_us()
    match = _CURSOR.fullmatch(cursor)
    if match is None or match[1] != sort:
        raise InputRefusedError("This is no cursor that a page in this order has given out.", kind="malformed-cursor")
    return (int(match[2]), int(match[3]), match[4]), int(match[5])
