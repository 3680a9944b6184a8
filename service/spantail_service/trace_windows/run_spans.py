"""The index of one run: built once from its snapshot in Redis, kept current from its tail."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from redis.exceptions import RedisError

from spantail_exporters.model import keys
from spantail_service.bounds.cancel import cancel
from spantail_service.errors import DomainError
from spantail_service.trace_windows.kept import Kept
from spantail_service.trace_windows.span_row import SpanRow, changed_row, row_of
from spantail_service.trace_windows.span_table import SpanTable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from redis.asyncio import Redis

    from spantail_service.tail import RunReader

logger = logging.getLogger(__name__)

_SCAN: Final = 2_000  # spans per HSCAN step: keeps Redis responsive while a large run is read
_PREVIEW_SPANS: Final = 20_000
_EVENTS: Final = 1_000  # in one step of catching up
_FOLLOW_S: Final = 2.0  # a tail of 10,000 events must not be overtaken between two windows, …
_FOLLOWED_S: Final = 120.0  # … for so long after the last one

Change = tuple[SpanRow, bool]


class _Found(NamedTuple):
    """What a step of the tail changes, and from where on the next one is."""

    changes: list[Change]
    next_index: int


class RunSpans:
    """The index of one run. `epoch` and `next_index` are the run's, read before this is made."""

    def __init__(self, redis: Redis, reader: RunReader, run_id: str, epoch: str | None, next_index: int) -> None:
        self._redis = redis
        self._reader = reader
        self._run_id = run_id
        self._pending: list[Change] = []
        self.epoch = epoch
        self.next_index = next_index
        """Everything in the tail before it is in the index, or waits for the index to be built."""
        self.lock = asyncio.Lock()
        """Held by whoever reads the table for a moment, or changes it."""
        self._work = asyncio.Lock()
        """Held by whoever works something out of the table that takes long, or changes it."""
        self._is_worked_on = False
        self.read = 0
        """Spans that were read so far; also of an index that is being built."""
        self.table = SpanTable()
        """While the index is built, what the first spans come to."""
        self.root: int | None = None
        """The run's root, while the index is built: what does not hang below it yet is not shown."""
        self.is_complete = False
        self.kept = Kept()
        """What was worked out of the table, see `working`."""
        self.clocks = Kept()
        """Those of the run; windows need them too."""
        self._asked_at = time.monotonic()
        self._previewed = asyncio.Event()
        self._building = asyncio.create_task(self._build())
        self._following: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return max(self.read, len(self.table))

    @property
    def has_failed(self) -> bool:
        """Whether it could not be built."""
        return self._building.done() and (self._building.cancelled() or self._building.exception() is not None)

    async def wait(self, timeout_s: float) -> None:
        """Wait until it is built, or for so many seconds; at least until there is something to show.

        Raises:
            RedisError: Redis cannot be reached.
        """
        self._asked_at = time.monotonic()
        done, _ = await asyncio.wait({self._building}, timeout=timeout_s)
        if not done:
            previewed = asyncio.create_task(self._previewed.wait())
            await asyncio.wait({previewed, self._building}, return_when=asyncio.FIRST_COMPLETED)
            previewed.cancel()
        if self._building.done():
            await self._building
            if self._following is None or self._following.done():
                self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        """Stop what goes on in the background."""
        await cancel(self._building)
        await cancel(self._following)

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work something out of the table that takes long: one at a time, while others read windows of it."""
        async with self._work:
            self._is_worked_on = True
            try:
                yield
            finally:
                self._is_worked_on = False

    def is_held(self, next_index: int) -> bool:
        """Whether it would take long to bring it up to `next_index`: others are at work on it."""
        return self._is_worked_on or (self._work.locked() and next_index - self.next_index > _EVENTS)

    async def catch_up(self, next_index: int) -> bool:
        """Bring it up to `next_index` of the tail; False where the tail does not reach back so far.

        Raises:
            RedisError, RunNotFoundError, RunExpiredError: the tail cannot be read.
        """
        async with self._work:
            while self.next_index < next_index:
                found = await self._next_changes()
                if found is None:
                    return False
                async with self.lock:
                    await asyncio.to_thread(_put, self.table, found.changes)
                    self.next_index = found.next_index
        return True

    async def _build(self) -> None:
        table, run_keys = SpanTable(), keys.run_keys(self._run_id)
        root: Any = await self._redis.hget(run_keys.meta, "root")
        state: Any = await self._redis.hget(run_keys.spans, root) if root else None
        if state is not None:
            _add(table, [state])
        cursor = 0
        while True:
            answer: Any = await self._redis.hscan(run_keys.spans, cursor, count=_SCAN)
            cursor, found = answer
            await asyncio.to_thread(_add, table, found.values())
            self.read = len(table)
            if cursor == 0:
                break
            await self._keep_changes()
            if not self._previewed.is_set() and self.read >= _PREVIEW_SPANS:
                preview = table.copied()
                await asyncio.to_thread(preview.finish)
                self.table, self.root = preview, 0 if state is not None else None
                self._previewed.set()
        await asyncio.to_thread(table.finish)
        async with self.lock:
            await asyncio.to_thread(_put, table, self._pending)
            self._pending.clear()
            self.table, self.is_complete = table, True

    async def _keep_changes(self) -> None:
        """Keep what happens meanwhile: building takes longer than the tail of a busy run reaches back."""
        next_index: Any = await self._redis.hget(keys.run_keys(self._run_id).meta, "next")
        while next_index is not None and self.next_index < int(next_index):
            found = await self._next_changes()
            if found is None:
                return
            self._pending += found.changes
            self.next_index = found.next_index

    async def _follow(self) -> None:
        """Keep it current for a while after a window was asked for: the next one then costs little."""
        while time.monotonic() - self._asked_at < _FOLLOWED_S:
            await asyncio.sleep(_FOLLOW_S)
            try:
                next_index: Any = await self._redis.hget(keys.run_keys(self._run_id).meta, "next")
                if next_index is None or not await self.catch_up(int(next_index)):
                    return
            except (RedisError, DomainError) as trouble:
                logger.debug("the index of run %s is not kept current: %s", self._run_id, trouble)

    async def _next_changes(self) -> _Found | None:
        """The changes of spans in the next step of the tail; None where it does not reach back so far."""
        page = await self._reader.page(self._run_id, self.next_index, _EVENTS)
        if page.meta.epoch != self.epoch or page.meta.first_index > self.next_index or not page.entries:
            return None
        first, count, _ = page.entries[-1]
        changes = await asyncio.to_thread(_changes, [events for _, _, events in page.entries])
        return _Found(changes, first + count)


def _add(table: SpanTable, states: Iterable[bytes]) -> None:
    for state in states:
        if (row := row_of(orjson.loads(state))) is not None:
            table.add(row)


def _changes(batches: Iterable[bytes]) -> list[Change]:
    changes = []
    for batch in batches:
        for line in batch.split(b"\n"):
            event = orjson.loads(line)
            if (row := changed_row(event)) is not None:
                changes.append((row, event["event"].endswith("_revived")))
    return changes


def _put(table: SpanTable, changes: Iterable[Change]) -> None:
    for row, is_revived in changes:
        table.put(row, is_revived=is_revived)
