"""Answers about a run as a whole, from its index: where to go, its time, its critical path, its flame graph."""

from __future__ import annotations

import asyncio
import functools
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from spantail_exporters.model import keys
from spantail_service.errors import SpanNotFoundError
from spantail_service.storage.run_writes import now_us
from spantail_service.trace_windows.critical_path import critical_path
from spantail_service.trace_windows.extent import run_extent
from spantail_service.trace_windows.flame_layout import STILL, FlameLayout
from spantail_service.trace_windows.flame_window import FlameWanted, flame_window
from spantail_service.trace_windows.idle_gaps import idle_gaps
from spantail_service.trace_windows.jumps import jump
from spantail_service.trace_windows.minimap import MinimapWanted, minimap
from spantail_service.trace_windows.row_times import adjusted, as_sent
from spantail_service.trace_windows.span_columns import TOP
from spantail_service.trace_windows.windows import clocks_of, name_of, row_of_span, states_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from redis.asyncio import Redis

    from spantail_service.trace_windows.flame_window import Frame
    from spantail_service.trace_windows.jumps import Jump
    from spantail_service.trace_windows.row_times import RowTimes
    from spantail_service.trace_windows.run_spans import RunSpans
    from spantail_service.trace_windows.span_table import SpanTable
    from spantail_service.trace_windows.windows import TraceWindows

_WIDE_PX: Final = 24  # a narrower frame has no room for a word
_MOST_STATES: Final = 2_000


class FlameQuery(NamedTuple):
    """What is in sight, as the route takes it; without a time it is the whole run."""

    begin_us: int | None
    end_us: int | None
    width_px: int
    first: int
    lanes: int
    span_id: str | None
    """A span whose place is asked for."""
    adjust: bool = False
    """With the clocks adjusted."""


class MinimapQuery(NamedTuple):
    """The time that is shown in small, as the route takes it; without a time it is that of the whole run."""

    begin_us: int | None
    end_us: int | None
    width: int
    lanes: int
    adjust: bool


class WholeRuns:
    """Answers from the indices of runs; none before an index is complete. One per process."""

    def __init__(self, redis: Redis, windows: TraceWindows) -> None:
        self._redis = redis
        self._windows = windows

    async def jump(self, run_id: str, to: Jump, after: str | None) -> bytes:
        """`{to, span_ids, epoch, indexed, complete}`: where a jump leads, see `jumps.jump`.

        Raises:
            RunNotFoundError, RunExpiredError: it was never heard of, or its data has expired.
            SpanNotFoundError: the run has no span `after`.
        """

        def look(index: RunSpans) -> dict[str, Any]:
            table = index.table
            row = TOP if after is None else row_of_span(index, after)
            return {"span_ids": [name_of(table.ids[each]) for each in jump(table, to, row, now_us())]}

        return await self._answer(run_id, {"to": to, "span_ids": []}, look)

    async def critical_path(self, run_id: str, limit: int, *, adjust: bool) -> bytes:
        """`{parts, spans, length_us, left_out_us, epoch, indexed, complete}`, see `critical_path.critical_path`.

        Raises:
            RunNotFoundError, RunExpiredError: it was never heard of, or its data has expired.
        """

        def look(index: RunSpans) -> dict[str, Any]:
            path = critical_path(index.table, _times(index, adjust=adjust), now_us(), limit)
            return {
                **path._asdict(),
                "parts": {name_of(index.table.ids[row]): each for row, each in path.parts.items()},
            }

        return await self._answer(run_id, {"parts": {}, "spans": 0, "length_us": 0, "left_out_us": 0}, look)

    async def times(self, run_id: str, *, adjust: bool, fits_all: bool) -> bytes:
        """`{start, end, outside, skewed, gaps, epoch, indexed, complete}`: the time that the run takes, and its waits.

        Raises:
            RunNotFoundError, RunExpiredError: it was never heard of, or its data has expired.
        """

        def work(index: RunSpans, table: SpanTable) -> dict[str, Any]:
            times, now = _times(index, adjust=adjust), now_us()
            extent = run_extent(table, times, now, fits_all=fits_all)
            if extent is None:
                return {}
            until = max(now, extent.end) if table.running_rows else extent.end
            skewed = sum(clock.spans for clock in clocks_of(index).skews.found)
            return {**extent._asdict(), "skewed": skewed, "gaps": idle_gaps(table, times, extent.start, until)}

        def look(index: RunSpans) -> dict[str, Any]:
            return index.kept.get(("times", adjust, fits_all), index.table, functools.partial(work, index))

        nothing: dict[str, Any] = {"start": None, "end": None, "outside": 0, "skewed": 0, "gaps": []}
        return await self._answer(run_id, nothing, look)

    async def minimap(self, run_id: str, query: MinimapQuery) -> bytes:
        """`{from, to, lanes, epoch, indexed, complete}`, see `minimap.minimap`.

        Raises:
            RunNotFoundError, RunExpiredError: it was never heard of, or its data has expired.
        """

        def work(index: RunSpans, table: SpanTable) -> dict[str, Any]:
            times, now = _times(index, adjust=query.adjust), now_us()
            extent = run_extent(table, times, now, fits_all=False)
            if extent is None:
                return {}
            begin = extent.start if query.begin_us is None else query.begin_us
            until = max(now, extent.end) if table.running_rows else extent.end
            end = max(begin + 1, until if query.end_us is None else query.end_us)
            lanes = minimap(table, times, MinimapWanted(begin, end, query.width, query.lanes, now))
            return {"from": begin, "to": end, "lanes": lanes}

        def look(index: RunSpans) -> dict[str, Any]:
            return index.kept.get(("minimap", query), index.table, functools.partial(work, index))

        return await self._answer(run_id, {"from": 0, "to": 0, "lanes": []}, look)

    async def flame(self, run_id: str, query: FlameQuery) -> bytes:
        """`{from, to, lanes, frames, states, place, epoch, indexed, complete}`: a part of the run's flame graph.

        Raises:
            RunNotFoundError, RunExpiredError: it was never heard of, or its data has expired.
        """
        run, index = await self._windows.index_of(run_id)
        if index is None or not index.is_complete:
            nothing = {"from": 0, "to": 0, "lanes": 0, "frames": [], "states": [], "place": None}
            return orjson.dumps({**nothing, **_how_far(run, index)})
        async with index.working():
            head, names, skews = await asyncio.to_thread(self._flame, index, query)
            head |= _how_far(run, index)
        found: Any = await self._redis.hmget(keys.run_keys(run_id).spans, names) if names else []
        states = await asyncio.to_thread(states_of, found, skews)
        return b'%b,"states":[%b]}' % (orjson.dumps(head)[:-1], b",".join(states))

    async def _answer(self, run_id: str, nothing: dict[str, Any], look: Callable[[RunSpans], dict[str, Any]]) -> bytes:
        run, index = await self._windows.index_of(run_id)
        if index is None or not index.is_complete:
            return orjson.dumps({**nothing, **_how_far(run, index)})
        async with index.working():
            found = await asyncio.to_thread(look, index)
            return orjson.dumps({**nothing, **found, **_how_far(run, index)})

    def _flame(self, index: RunSpans, query: FlameQuery) -> tuple[dict[str, Any], list[str], list[int | None]]:
        def work(table: SpanTable) -> FlameLayout:
            return FlameLayout(table, _times(index, adjust=query.adjust))

        table, now = index.table, now_us()
        layout = index.kept.get(("flame", query.adjust), table, work)
        begin, end = _extent(layout, now)
        begin = begin if query.begin_us is None else query.begin_us
        end = max(begin + 1, end if query.end_us is None else query.end_us)
        wanted = FlameWanted(begin, end, query.width_px, query.first, query.lanes, now)
        frames = flame_window(layout, wanted)
        us_a_px = (end - begin) / query.width_px
        wide = [
            frame for frame in frames if frame.spans == 1 and (_end(frame, now) - frame.start) >= _WIDE_PX * us_a_px
        ]
        wide.sort(key=lambda frame: frame.start - _end(frame, now))
        head = {
            "from": begin,
            "to": end,
            "lanes": len(layout.lanes),
            "frames": [_as_json(frame, index) for frame in frames],
            "place": _place(index, layout, query.span_id),
        }
        rows, clocks = [frame.row for frame in wide[:_MOST_STATES]], clocks_of(index)
        return head, [name_of(table.ids[row]) for row in rows], [clocks.of(table, row) for row in rows]


def _times(index: RunSpans, *, adjust: bool) -> RowTimes:
    return adjusted(index.table, clocks_of(index)) if adjust else as_sent(index.table)


def _how_far(run: dict[str, Any], index: RunSpans | None) -> dict[str, Any]:
    """Of a run that is still being read nothing is said but how far that is: half of it is not the whole."""
    indexed, is_complete = (0, True) if index is None else (len(index), index.is_complete)
    return {"epoch": run.get("epoch"), "indexed": indexed, "complete": is_complete}


def _extent(layout: FlameLayout, now: int) -> tuple[int, int]:
    begins = [lane.starts[0] for lane in layout.lanes]
    ends = [now if lane.ends[-1] == STILL else lane.ends[-1] for lane in layout.lanes]
    return (min(begins), max(ends)) if begins else (0, 1)


def _end(frame: Frame, now: int) -> int:
    return now if frame.end == STILL else frame.end


def _as_json(frame: Frame, index: RunSpans) -> dict[str, Any]:
    return {
        "lane": frame.lane,
        "start": frame.start,
        "end": None if frame.end == STILL else frame.end,
        "span_id": name_of(index.table.ids[frame.row]),
        "spans": frame.spans,
        "errors": frame.errors,
        "outer": frame.spans == 1 and bool(index.table.children(frame.row)),
    }


def _place(index: RunSpans, layout: FlameLayout, span_id: str | None) -> dict[str, Any] | None:
    if span_id is None:
        return None
    try:
        row = row_of_span(index, span_id)
    except SpanNotFoundError:
        return None
    if row >= len(layout.lane_of):
        return None  # newer than the layout
    lane = layout.lanes[layout.lane_of[row]]
    at = lane.rows.index(row)
    end = lane.ends[at]
    return {"lane": layout.lane_of[row], "start": lane.starts[at], "end": None if end == STILL else end}
