"""Log requests: span starts, heartbeats and log lines, each to its place in Redis."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import logging
import secrets
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from spantail.attributes import RESOURCE_RUNNER
from spantail.content import content_capture_allowed
from spantail_exporters.model.changes import Change
from spantail_exporters.model.sources import runner_id
from spantail_exporters.otlp import records as key
from spantail_service.bounds.time_slice import TimeSlice, in_slices
from spantail_service.ingest.decoding.entries import BAD_CONTENT, LargeEntry, LogEntry, Tally
from spantail_service.ingest.log_events import log_event
from spantail_service.ingest.lookups import Lookups
from spantail_service.ingest.revival import Revival
from spantail_service.ingest.starts import Start, start_change, start_of
from spantail_service.storage.run_writes import RunChanges, RunStore, now_us

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from redis.asyncio import Redis

    from spantail_exporters.model.redactor import Redactor

logger = logging.getLogger(__name__)

_AT_ONCE: Final = 256  # records: held as they were read, and while a garbage collector walks them nobody is served
_DIGEST_BYTES: Final = 12
_IN_PLACE_BYTES: Final = 65_536  # below it, handing a digest to a thread costs more than it saves
_SENDERS: Final = 1_000  # whose losses are counted apart
_STARTS: Final = frozenset((key.EVENT_START, key.EVENT_UPDATE))


class LogReceiver:
    """Takes log records."""

    def __init__(self, redis: Redis, store: RunStore, redactor: Redactor, one_large: asyncio.Lock) -> None:
        self._store = store
        self._one_large = one_large
        self._lookups = Lookups(redis)
        self._revival = Revival(redis, store)
        self._redactor = redactor
        # A writer's name begins with its runner: by that the reaper knows who works on a run.
        self._writer_suffix = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._writing = asyncio.Lock()
        self._lost: dict[str, dict[str, int]] = {}
        # Runners that were heard again and whose spans do not run on yet: the heartbeat that shows it comes once, and
        # what it leads to may fail.
        self._back: set[str] = set()

    async def take(self, entries: Iterator[LogEntry | None], body: bytes, tally: Tally) -> Counter[str]:
        """Store the records of a request whose bytes are `body`; returns how many of each kind were taken.

        Raises:
            RedisError: Redis cannot be reached; all may be sent again.
        """
        counts: Counter[str] = Counter()
        digest = _digest(body) if len(body) <= _IN_PLACE_BYTES else await asyncio.to_thread(_digest, body)
        number = 0
        batch: list[LogEntry] = []
        async for entry in in_slices(entries, self._one_large):
            batch.append(entry)
            if len(batch) == _AT_ONCE:
                await self._take(batch, f"{digest}{number:x}", tally, counts)
                number += 1
                batch = []
        if batch:
            await self._take(batch, f"{digest}{number:x}", tally, counts)
        return counts

    async def _take(self, batch: list[LogEntry], mark: str, tally: Tally, counts: Counter[str]) -> None:
        beating: dict[str, set[str]] = {}
        items: list[tuple[LogEntry, Start | None]] = []
        time_slice = TimeSlice()
        for entry in batch:
            if time_slice.is_over:
                await time_slice.pause()
            runner = entry.source.runner
            if entry.event_name == key.EVENT_HEARTBEAT:
                if runner := runner_id(entry.attributes.get(RESOURCE_RUNNER)) or runner:
                    beating.setdefault(runner, set())
                    self._count_lost(runner, entry.attributes.get(key.DROPPED), counts)
                counts["heartbeats"] += 1
            elif entry.event_name in _STARTS:
                start = start_of(entry)
                if start is None:
                    tally.reject("A span start is not in the shape that its event name stands for.")
                    continue
                if runner is not None:
                    # a start is a sign of life too: a Collector may bring it before the heartbeat that was sent first
                    beating.setdefault(runner, set()).add(entry.run_id)
                items.append((entry, start))
            elif entry.run_id and entry.span_id:
                items.append((entry, None))
            else:
                tally.passed_over["no_span"] += 1
        self._back |= await self._lookups.beat(beating)
        # One after another: what is looked up must still be so, and a writer's numbers must reach Redis in their order.
        async with self._writing:
            await self._store.append(await self._changes(items, mark, tally, counts))
        for runner in self._back.copy():
            await self._revival.of(runner)
            self._back.discard(runner)

    async def _changes(
        self, items: list[tuple[LogEntry, Start | None]], mark: str, tally: Tally, counts: Counter[str]
    ) -> list[RunChanges]:
        held, absent = await self._look_up(items)
        now, keep_content = now_us(), content_capture_allowed()
        runs: dict[tuple[str, str | None], list[Change]] = {}
        time_slice = TimeSlice()
        for entry, start in items:
            if time_slice.is_over:
                await time_slice.pause()
            if start is None and entry.run_id in absent:
                tally.passed_over["not_sampled"] += 1
                continue
            span = entry.run_id, entry.span_id
            make: Callable[[], Change | None] = (
                partial(start_change, start, held.get(span), self._redactor)
                if start is not None
                else partial(self._line, entry, now, keep_content=keep_content)
            )
            try:
                if isinstance(entry, LargeEntry):
                    async with self._one_large:
                        change = await asyncio.to_thread(make)
                else:
                    change = make()
            except (TypeError, ValueError, KeyError, AttributeError) as error:
                logger.warning("a log record could not be encoded: %s", type(error).__name__)
                tally.reject(BAD_CONTENT)
                continue
            counts["starts" if start is not None else "logs"] += 1
            if change is not None:
                if start is not None:
                    held[span] = change.state or change.events[-1]  # the next one in this request builds on it
                runs.setdefault((entry.run_id, entry.source.runner), []).append(change)
        untimed = {(entry.run_id, entry.source.runner) for entry, start in items if start is None and not entry.time_us}
        return [
            RunChanges(
                run_id,
                changes,
                f"{runner}:{self._writer_suffix}" if runner is not None else "",
                self._numbers,
                # Only lines need it: a state that comes again loses against itself. The same line without a
                # time may come twice.
                _digest(f"{mark}{runner}".encode())
                if (run_id, runner) not in untimed and any(not change.span_id for change in changes)
                else "",
            )
            for (run_id, runner), changes in runs.items()
        ]

    async def _look_up(
        self, items: list[tuple[LogEntry, Start | None]]
    ) -> tuple[dict[tuple[str, str], bytes], set[str]]:
        """Earlier states of the spans that are updated, and the runs that must not begin with a line of theirs."""
        wanted: dict[str, set[str]] = {}
        unsampled: set[str] = set()
        for entry, start in items:
            if start is None:
                if not entry.sampled:
                    unsampled.add(entry.run_id)
            elif start.may_be_known:
                wanted.setdefault(entry.run_id, set()).add(entry.span_id)
        held = await self._lookups.states(wanted)
        # a log record names its trace also where that one is not sampled: such a line makes no run of its own
        absent = unsampled - await self._lookups.known(unsampled)
        absent -= {entry.run_id for entry, start in items if start is not None or entry.sampled}
        return held, absent

    def _line(self, entry: LogEntry, now: int, *, keep_content: bool) -> Change:
        line = log_event(entry, self._redactor, now, keep_content=keep_content)
        return Change("", "", [line], sources=entry.source.whole.encoded(self._redactor).tables)

    def _count_lost(self, runner: str, dropped: Any, counts: Counter[str]) -> None:
        """Count what a sender reports as lost since its start."""
        if not isinstance(dropped, dict):
            return
        before = self._lost.pop(runner, {})
        now = {str(why)[:64]: count for why, count in list(dropped.items())[:32] if type(count) is int and count >= 0}
        for why, count in now.items():
            counts[f"sender_dropped.{why}"] += max(count - before.get(why, 0), 0)
        # The largest count stands, for a heartbeat may come late or twice. Behind all others: the first one is
        # the one that was silent longest.
        self._lost[runner] = {why: max(count, before.get(why, 0)) for why, count in now.items()}
        while len(self._lost) > _SENDERS:
            self._lost.pop(next(iter(self._lost)))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=_DIGEST_BYTES).hexdigest()
