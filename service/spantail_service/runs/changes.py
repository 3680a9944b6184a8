"""Changes of the list of runs, as they happen: one reader for all who watch the list in this process.

Which runs began, ended, were pinned or removed is read from the stream `runs:changes`. How far open runs have got is
looked up twice a second; and, for a minute, that of runs which have ended, since other services may send their spans
late. A watcher holds the latest state of each run that it has not taken yet: a slow one takes fewer updates, and holds
no more than 1,000 runs.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from spantail_exporters.model import keys
from spantail_service.storage.watching import Watching

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from redis.asyncio import Redis

    from spantail_service.runs.filter import RunFilter
    from spantail_service.runs.index import RunIndex
    from spantail_service.storage.wakeups import Listener, WakeUps

MAX_WATCHERS = 1_000
"""Watchers of the list in one process; one more is refused."""

_LEAST_S = 0.1  # between two readings, however much happens
_PROGRESS_S = 0.5  # … and at most while nothing wakes; so often progress is looked up, of which nothing wakes
_OPEN_RUNS = 200  # whose progress is looked up, …
_LATE_S = 60.0  # … and for so long that of runs that have changed, open or not, …
_LATE_RUNS = 200  # … the latest so many of them
_PENDING = 1_000  # changes that a watcher holds; beyond them it has to take the list anew
_AGAIN_S = 1.0
_ID = re.compile(r"[0-9]{1,16}-[0-9]{1,16}")


class ListUpdate(NamedTuple):
    """What a watcher takes: the present state of runs that changed, and runs that left what it watches.

    `position` is where to go on later; with `reset` too much has happened, the list has to be taken anew.
    """

    runs: list[dict[str, Any]]
    removed: list[str]
    position: str
    reset: bool = False

    def as_json(self) -> bytes:
        """`{runs, removed, reset}`."""
        return orjson.dumps({"runs": self.runs, "removed": self.removed, "reset": self.reset})


class Watcher:
    """Somebody who watches the list."""

    def __init__(self, wanted: RunFilter) -> None:
        self._wanted = wanted
        self._pending: dict[str, dict[str, Any] | None] = {}
        self.position = "0-0"
        """How far it has got in the stream of changes."""
        self._reset = False
        self._changed = asyncio.Event()
        self.closed = False

    def add(self, changed: dict[str, dict[str, Any] | None], position: str) -> None:
        """Take note of runs; `None` is one that is gone."""
        self.position = position
        for run_id, run in changed.items():
            self._pending[run_id] = run if run is not None and self._wanted.matches(run) else None
        if len(self._pending) > _PENDING:
            self.reset(position)
        if self._pending:
            self._changed.set()

    def add_earlier(self, changed: dict[str, dict[str, Any] | None]) -> None:
        """Take note of runs as they were a moment ago: what was added since then is newer."""
        self.add({run_id: run for run_id, run in changed.items() if run_id not in self._pending}, self.position)

    def reset(self, position: str) -> None:
        """Make the next update say that the list has to be taken anew."""
        self.position = position
        self._pending.clear()
        self._reset = True
        self._changed.set()

    def close(self) -> None:
        """The process is about to stop, or nobody listens any more."""
        self.closed = True
        self._changed.set()

    async def next(self, timeout_s: float) -> ListUpdate | None:
        """What has happened since the last call; `None` when it was nothing for so long, or at the end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        if self.closed or not self._changed.is_set():
            return None
        self._changed.clear()
        pending, self._pending = self._pending, {}
        reset, self._reset = self._reset, False
        return ListUpdate(
            [run for run in pending.values() if run is not None],
            [run_id for run_id, run in pending.items() if run is None],
            self.position,
            reset,
        )


class RunListChanges:
    """Reads what changes in the list, and hands it to its watchers."""

    def __init__(self, redis: Redis, index: RunIndex, wakeups: WakeUps) -> None:
        self._redis = redis
        self._index = index
        self._position = ""
        self._heads: dict[str, tuple[Any, ...]] = {}
        self._late: dict[str, float] = {}  # runs that have changed → until when their progress is looked up
        self._look_at = 0.0  # when that is done next
        self._asked_s: float | None = None
        self._watching = Watching[Watcher](
            wakeups, keys.RUNS_CHANNEL, "changes of the list", self._follow, again_s=_AGAIN_S, most=MAX_WATCHERS
        )

    @property
    def watchers(self) -> int:
        """How many follow the list at the moment."""
        return len(self._watching.watchers)

    def asked(self) -> None:
        """Somebody has just read the list, without following it."""
        self._asked_s = time.monotonic()

    def was_asked_within(self, seconds: float) -> bool:
        """Whether somebody has read the list in the last `seconds`."""
        return self._asked_s is not None and time.monotonic() - self._asked_s <= seconds

    @asynccontextmanager
    async def watch(self, wanted: RunFilter, since: str | None = None) -> AsyncIterator[Watcher | None]:
        """A watcher of the runs that are `wanted`; `None` when there are too many, or the process stops.

        It gets all changes after `since` (a `ListUpdate.position`), or from now on; when the changes since then
        are not all known any more, it is to take the list anew.

        Raises:
            redis.exceptions.RedisError: Redis cannot be reached.
        """
        if self._watching.is_full():
            yield None
            return
        watcher = Watcher(wanted)
        latest = await self._latest(_LATE_RUNS)
        # Where nobody reads yet, the first look would come after the watcher has its list, and what happened in between
        # would be missed.
        heads = {} if self._watching.is_read else await self._heads_of({run_id for _, run_id in latest})
        if self._watching.is_full():  # others came, or the stop, while that was read
            yield None
            return
        watcher.position = position = latest[0][0] if latest else "0-0"
        # Added before the past is read: what happens meanwhile comes twice rather than never.
        with self._watching.added(watcher):
            if not self._watching.is_read:
                self._position = position
                self._forget()
                self._remember(run_id for _, run_id in reversed(latest))
                self._heads = heads
                self._watching.read()
            await self._catch_up(watcher, since, position)
            yield watcher

    def stop_waiting(self) -> None:
        """Close every watcher and take no more: the process is about to stop."""
        self._watching.stop_waiting()

    async def close(self) -> None:
        """Stop for good."""
        await self._watching.close()

    async def _latest(self, count: int) -> list[tuple[str, str]]:
        """The latest changes, the last one first: where each stands, and of which run it is."""
        found: Any = await self._redis.xrevrange(keys.RUNS_CHANGES, count=count)
        return [(entry_id.decode(), fields[b"run"].decode()) for entry_id, fields in found]

    async def _catch_up(self, watcher: Watcher, since: str | None, head: str) -> None:
        if since is None:
            return
        if not _ID.fullmatch(since):
            watcher.reset(head)
            return
        found: Any = await self._redis.xrange(keys.RUNS_CHANGES, since, "+", count=_PENDING + 2)
        # The entry itself has to be there still, else others after it may be gone too.
        if not found or found[0][0].decode() != since or len(found) > _PENDING + 1:
            watcher.reset(head)
            return
        watcher.add_earlier(await self._states([fields[b"run"].decode() for _, fields in found[1:]]))

    async def _follow(self, listener: Listener | None) -> None:
        loop = asyncio.get_running_loop()
        while self._watching.goes_on:
            await self._read()
            read_at = loop.time()
            if listener is None:
                await asyncio.sleep(_PROGRESS_S)
            else:
                await listener.wait(_PROGRESS_S)
                # also when it comes back at once, as it does while the process stops
                await asyncio.sleep(max(0.0, _LEAST_S - (loop.time() - read_at)))

    async def _read(self) -> None:
        found: Any = await self._redis.xrange(keys.RUNS_CHANGES, f"({self._position}", "+", count=_PENDING)
        changed = dict.fromkeys(fields[b"run"].decode() for _, fields in found)
        position = found[-1][0].decode() if found else self._position
        if not found and _order(head := (await self._latest(1) or [("0-0", "")])[0][0]) < _order(self._position):
            # Redis lost its data and numbers anew: nothing that was known holds.
            self._position = head
            self._forget()
            for watcher in self._watching.watchers:
                watcher.reset(self._position)
            return
        self._remember(changed)
        # Before the states are read: what comes in between is seen at the next look.
        advanced, heads = await self._advanced(changed)
        self._remember(run_id for run_id in advanced if run_id in self._late)
        changed |= dict.fromkeys(advanced)
        if changed:
            states = await self._states(list(changed))
            for watcher in self._watching.watchers:
                watcher.add(states, position)
        # Not before watchers have them: what a failure kept back is seen again at the next look.
        self._position, self._heads = position, heads

    def _forget(self) -> None:
        self._heads.clear()
        self._late.clear()

    def _remember(self, changed: Iterable[str]) -> None:
        """Look for late spans of these runs, and no longer of those that had their time."""
        now = asyncio.get_running_loop().time()
        for run_id in list(changed):
            self._late.pop(run_id, None)  # put in again at the end: the first in the dict changed longest ago
            self._late[run_id] = now + _LATE_S
        over = len(self._late) - _LATE_RUNS
        for i, (run_id, until) in enumerate(list(self._late.items())):
            if i >= over and until > now:
                break
            del self._late[run_id]

    async def _advanced(self, changed: Iterable[str]) -> tuple[list[str], dict[str, tuple[Any, ...]]]:
        """Runs, open or late, that have got further since the last look, or opened; and how far all have got now.

        Others than those that changed are looked at twice a second.
        """
        run_ids, still_open = set(changed), set[str]()
        now = asyncio.get_running_loop().time()
        if is_due := now >= self._look_at:
            members: Any = await self._redis.srandmember(keys.RUNS_OPEN, _OPEN_RUNS)
            still_open = {run_id.decode() for run_id in members}
            run_ids |= still_open | self._late.keys()
        if not run_ids:
            return [], self._heads
        heads = await self._heads_of(run_ids)
        before = self._heads
        if is_due:
            self._look_at = now + _PROGRESS_S
        advanced = [
            run_id
            for run_id, head in heads.items()
            if head[0] is not None and (before[run_id] != head if run_id in before else run_id in still_open)
        ]
        return advanced, heads if is_due else before | heads

    async def _heads_of(self, run_ids: set[str]) -> dict[str, tuple[Any, ...]]:
        """How far runs have got."""
        if not run_ids:
            return {}
        pipe = self._redis.pipeline(transaction=False)
        for run_id in run_ids:
            pipe.hmget(keys.run_keys(run_id).meta, "epoch", "next", "status")
        return {run_id: tuple(head) for run_id, head in zip(run_ids, await pipe.execute(), strict=True)}

    async def _states(self, run_ids: list[str]) -> dict[str, dict[str, Any] | None]:
        states: dict[str, dict[str, Any] | None] = dict.fromkeys(run_ids)
        for i in range(0, len(run_ids), 200):
            states.update(await self._index.read(run_ids[i : i + 200]))
        return states


def _order(position: str) -> tuple[int, int]:
    milliseconds, _, number = position.partition("-")
    return int(milliseconds), int(number)
