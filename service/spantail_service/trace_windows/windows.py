"""`GET /api/traces/{run_id}/window`: the index of each run that is looked at, and answers made from it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from spantail_exporters.model import keys
from spantail_service.errors import SpanNotFoundError
from spantail_service.runs.clock_skew import marked
from spantail_service.runs.snapshot import without_details
from spantail_service.runs.sources import read_tables
from spantail_service.trace_windows.clocks import RowClocks, row_clocks
from spantail_service.trace_windows.row_times import adjusted
from spantail_service.trace_windows.run_spans import RunSpans
from spantail_service.trace_windows.selection import Wanted, select
from spantail_service.trace_windows.span_columns import TOP

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from spantail_service.runs.snapshot import RunSnapshots
    from spantail_service.tail import RunReader

_HELD_SPANS: Final = 3_000_000  # in the indices of one process, about 280 bytes each
_HELD_RUNS: Final = 64
_WAIT_S: Final = 0.4  # for an index that is being built, before what there is of it is answered
_NOTHING: Final = {
    "resources": {}, "scopes": {}, "spans": [], "folded": {}, "next_index": 0, "epoch": None,
    "indexed": 0, "complete": True,
}  # fmt: skip


class WindowQuery(NamedTuple):
    """What a window is asked for, as the route takes it. Ids are hex, times microseconds since the epoch."""

    root: str | None = None
    depth: int = 3
    begin_us: int | None = None
    end_us: int | None = None
    limit: int = 1_000
    after: str | None = None
    path: bool = False
    adjust: bool = False
    """The time is that of the clocks as they should have told it."""


FIRST_WINDOW: Final = WindowQuery()
"""How a run begins that is not asked for further."""


class TraceWindows:
    """The indices of the runs that were looked at last in this process."""

    def __init__(self, redis: Redis, reader: RunReader, snapshots: RunSnapshots) -> None:
        self._redis = redis
        self._reader = reader
        self._snapshots = snapshots
        self._held: dict[str, RunSpans] = {}

    async def close(self) -> None:
        """Forget all indices."""
        held, self._held = self._held, {}
        for index in held.values():
            await index.close()

    @property
    def indexed_spans(self) -> int:
        """Spans in the indices of this process."""
        return sum(map(len, self._held.values()))

    async def window(self, run_id: str, query: WindowQuery) -> bytes:
        """A part of a run, as JSON: `{run, resources, scopes, spans, folded, next_index, epoch, indexed, complete}`.

        The spans are as in a snapshot without details, in pre-order. `next_index` is read before them, as there. While
        the index is built, `complete` is false, and the window is one of the spans that were read so far.

        Raises:
            RunNotFoundError, RunExpiredError: it was never heard of, or its data has expired.
            SpanNotFoundError: the run has no span `root` or `after`.
        """
        run, index = await self.index_of(run_id, waits=False)
        if index is None:
            return orjson.dumps({"run": run, **_NOTHING})
        try:
            window = await _look(index, query)
        except SpanNotFoundError:
            # the run may have it by now
            run, index = await self.index_of(run_id)
            if index is None:
                raise
            window = await _look(index, query)
        found: Any = await self._redis.hmget(keys.run_keys(run_id).spans, window.names) if window.names else []
        states = await asyncio.to_thread(states_of, found, window.skews)
        sources = (await read_tables(self._redis, run_id))._asdict()
        next_index = min(window.next_index, run["next_index"])
        if window.clocks is not None:
            skews = window.clocks.skews
            self._snapshots.know_clocks(run_id, run["epoch"], window.next_index, skews)
            run = {name: value for name, value in run.items() if name != "clock_skew"} | skews.as_json()
        head = {"run": run, **sources, **window.head, "next_index": next_index, "epoch": run["epoch"]}
        return b'%b,"spans":[%b]}' % (orjson.dumps(head)[:-1], b",".join(states))

    async def index_of(self, run_id: str, *, waits: bool = True) -> tuple[dict[str, Any], RunSpans | None]:
        """The run, and its index with all that the run's tail has told; none of a run that has stored nothing yet.

        While something long is worked out of the index it is not changed. Whoever does not wait for that gets it as it
        is: its `next_index` says from where on the tail tells more.

        Raises:
            RunNotFoundError, RunExpiredError: it was never heard of, or its data has expired.
        """
        run = await self._snapshots.run(run_id)
        if "epoch" not in run:
            return run, None
        index = await self._index(run_id, run["epoch"], run["next_index"])
        is_taken_as_it_is = not waits and index.is_held(run["next_index"])
        if index.is_complete and not is_taken_as_it_is and not await index.catch_up(run["next_index"]):
            # too much has happened since: it is built anew
            self._held.pop(run_id, None)
            await index.close()
            run = await self._snapshots.run(run_id)
            index = await self._index(run_id, run.get("epoch"), run.get("next_index", 0))
        return run, index

    async def _index(self, run_id: str, epoch: str | None, next_index: int) -> RunSpans:
        index = self._held.get(run_id)
        if index is not None and index.epoch != epoch:
            await index.close()
            index = None
        if index is None:
            index = RunSpans(self._redis, self._reader, run_id, epoch, next_index)
        await self._hold(run_id, index)
        try:
            await index.wait(_WAIT_S)
        except BaseException:
            if self._held.get(run_id) is index and index.has_failed:
                del self._held[run_id]
            raise
        return index

    async def _hold(self, run_id: str, index: RunSpans) -> None:
        self._held.pop(run_id, None)  # put in again at the end: the first was looked at longest ago
        self._held[run_id] = index
        while len(self._held) > 1 and (len(self._held) > _HELD_RUNS or self.indexed_spans > _HELD_SPANS):
            await self._held.pop(next(iter(self._held))).close()


class _Window(NamedTuple):
    names: list[str]
    """Ids of its spans, in pre-order."""
    skews: list[int | None]
    """Of each, how far its clock is ahead, where it is thought wrong."""
    head: dict[str, Any]
    next_index: int
    clocks: RowClocks | None
    """None while the index is built: half of a run does not say which of its clocks are right."""


async def _look(index: RunSpans, query: WindowQuery) -> _Window:
    async with index.lock:
        return await asyncio.to_thread(_window, index, query)


def _window(index: RunSpans, query: WindowQuery) -> _Window:
    table = index.table
    root = TOP if index.root is None or index.is_complete else index.root
    after = None
    if query.root is not None:
        root = row_of_span(index, query.root)
    if query.after is not None:
        after = row_of_span(index, query.after)
    wanted = Wanted(root, query.depth, query.begin_us, query.end_us, query.limit, after, query.path)
    clocks = clocks_of(index) if index.is_complete else None
    selection = select(table, wanted, adjusted(table, clocks) if query.adjust and clocks is not None else None)
    folded = {
        "" if row == TOP else name_of(table.ids[row]): {
            **fold.sums._asdict(), "after": None if fold.after is None else name_of(table.ids[fold.after]),
        }
        for row, fold in selection.folded.items()
    }  # fmt: skip
    head = {"folded": folded, "indexed": len(index), "complete": index.is_complete}
    skews = [None if clocks is None else clocks.of(table, row) for row in selection.rows]
    return _Window([name_of(table.ids[row]) for row in selection.rows], skews, head, index.next_index, clocks)


def clocks_of(index: RunSpans) -> RowClocks:
    """The clocks of a run; whoever asks holds the lock of its index, or works on it."""
    return index.clocks.get("clocks", index.table, row_clocks)


def row_of_span(index: RunSpans, span_id: str) -> int:
    """The row of a span.

    Raises:
        SpanNotFoundError: the run has no such span.
    """
    row = index.table.rows.get(int(span_id, 16))
    if row is None:
        raise SpanNotFoundError
    return row


def name_of(span_id: int) -> str:
    """A span's id as it is written."""
    return f"{span_id:016x}"


def states_of(states: list[bytes | None], skews: list[int | None]) -> list[bytes]:
    """Stored states as windows show them, each with how far its clock is ahead."""
    return [
        marked(without_details(state), skew) for state, skew in zip(states, skews, strict=True) if state is not None
    ]
