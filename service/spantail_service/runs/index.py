"""The list of runs, newest first, read from the index that the writers keep (`index.lua`) and put right on the way.

By time, status and operation a page costs what it shows, however many runs there are: each has a sorted set of its
own. The other conditions are looked up run by run, over a bounded number of candidates a page.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from spantail_exporters.model import keys
from spantail_exporters.model.run_script import Applied, forget_command, index_commands, indexed_operation
from spantail_service.errors import InputRefusedError
from spantail_service.runs.absence import waiting_status
from spantail_service.runs.filter import ALL_RUNS, STATUSES, RunFilter
from spantail_service.runs.meta import RunMeta, RunState, parse_meta, parse_state, summary
from spantail_service.runs.sources import UNKNOWN, read_sources
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from redis.asyncio import Redis

    from spantail_service.runs.sources import RunSource

MAX_RUNS = 200
"""Most runs on one page."""

LOOKED_AT = 2_000
"""Runs that one page looks at, at most, for conditions that no index answers."""

MAX_OPERATIONS = 100
"""Operations that are offered to filter by: the latest ones."""

NEWEST = 200
"""Runs whose environments and versions are offered to filter by: the newest ones."""

_CURSOR = re.compile(r"([0-9]{1,16}):([0-9a-f]{32})")
_INDEX_ENTRY = re.compile(rb"\d+ \d+ \d+ ([a-z]+) ([0-9a-f]*)")
_STEP = 200  # candidates a trip
_ENTRIES_STEP = 1_000  # … whose status alone is asked for
_TRIPS = 20
_LATEST = 2**53 - 1
_NO_ID = "g"  # behind every run id


class Page(NamedTuple):
    """One page of runs and where the next one begins (`None`: this was the last)."""

    runs: list[dict[str, Any]]
    next_cursor: str | None
    looked_at: int | None = None
    """So many runs were looked at, and then no more, though there are; `None`: it ended for another reason."""


class _Candidate(NamedTuple):
    start: int
    run_id: str


class _Batch(NamedTuple):
    """Some candidates, and below which one to go on (`None`: there are no more)."""

    candidates: list[_Candidate]
    resume: _Candidate | None


class RunIndex:
    """Reads the index over runs."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._sources: dict[str, RunSource] = {}  # of the newest runs, as far as their roots are here

    async def page(self, cursor: str | None, limit: int, wanted: RunFilter = ALL_RUNS) -> Page:
        """The runs that started before `cursor` and are `wanted`, newest first, at most `limit`.

        A cursor is the start (µs) and the id of the last run that was looked at, so that runs which start
        meanwhile move nothing. Runs whose data has expired are left out and leave the index. A page may be short,
        or empty, and still have a next one: when conditions had to be looked up and few runs fulfil them.

        Raises:
            InputRefusedError: `cursor` is none.
        """
        before = _parse_cursor(cursor) or _Candidate(_LATEST, _NO_ID)
        if wanted.started_before is not None and wanted.started_before <= before.start:
            before = _Candidate(wanted.started_before, "")
        runs: list[dict[str, Any]] = []
        looked_at = 0
        while len(runs) < limit and looked_at < LOOKED_AT:
            # what the index answers alone needs no more than is shown; the rest has to be looked for
            step = min(_STEP, LOOKED_AT - looked_at) if wanted.looks_inside else limit - len(runs)
            batch = await self._candidates(before, step, wanted)
            held = await self.read([candidate.run_id for candidate in batch.candidates], wanted)
            for candidate in batch.candidates:
                run = held.get(candidate.run_id)
                if run is not None and wanted.matches(run):
                    runs.append(run)
                    if len(runs) == limit:
                        return Page(runs, f"{candidate.start}:{candidate.run_id}")
            looked_at += max(len(batch.candidates), 1)
            if batch.resume is None:
                return Page(runs, None)
            before = batch.resume
        return Page(runs, f"{before.start}:{before.run_id}", looked_at if wanted.looks_inside else None)

    async def counts(self) -> dict[str, Any]:
        """How many runs each status has, and the operations, environments and versions of the latest runs with theirs.

        No index holds the last two: they are counted over the newest runs alone.
        """
        names: Any = await self._redis.zrevrange(keys.RUNS_OPERATIONS, 0, MAX_OPERATIONS - 1)
        operations = [name.decode("utf-8", "replace") for name in names]
        pipe = self._redis.pipeline(transaction=False)
        for status in STATUSES:
            pipe.zcard(keys.runs_of_status(status))
        for operation in operations:
            pipe.zcard(keys.runs_of_operation(operation))
        found: list[int] = await pipe.execute()
        by_operation = dict(zip(operations, found[len(STATUSES) :], strict=True))
        gone = [operation for operation, count in by_operation.items() if count == 0]
        if gone:  # their last run has left since
            await self._redis.zrem(keys.RUNS_OPERATIONS, *gone)
        sources = await self._newest_sources()
        return {
            "statuses": dict(zip(STATUSES, found, strict=False)),
            "operations": _named(by_operation),
            "environments": _named(Counter(source.environment for source in sources)),
            "versions": _named(Counter(source.version for source in sources)),
        }

    async def _newest_sources(self) -> Collection[RunSource]:
        """The sources of the newest runs. Each is looked up once: every page that is open asks again and again."""
        newest: Any = await self._redis.zrevrange(keys.RUNS_RECENT, 0, NEWEST - 1)
        run_ids = [run_id.decode() for run_id in newest]
        unknown = [run_id for run_id in run_ids if run_id not in self._sources]
        pipe = self._redis.pipeline(transaction=False)
        for run_id in unknown:
            pipe.hget(keys.run_keys(run_id).meta, "root")
        roots = await pipe.execute() if unknown else []
        found = await self._roots(
            [(run_id, root.decode()) for run_id, root in zip(unknown, roots, strict=True) if root]
        )
        read = await read_sources(self._redis, found)
        held = self._sources | {run_id: read.get(run_id, UNKNOWN) for run_id in found}
        self._sources = {run_id: held[run_id] for run_id in run_ids if run_id in held}
        return self._sources.values()

    async def with_status(self, run_ids: Sequence[str], status: str) -> list[str]:
        """Those of some runs that have a status, as far as the index alone knows."""
        entries: Any = await self._redis.hmget(keys.RUNS_FACTS, list(run_ids)) if run_ids else []
        matches = [_INDEX_ENTRY.fullmatch(held or b"") for held in entries]
        return [run_id for run_id, match in zip(run_ids, matches, strict=True) if match and match[1] == status.encode()]

    async def read(self, run_ids: Sequence[str], wanted: RunFilter = ALL_RUNS) -> dict[str, dict[str, Any]]:
        """The summaries of runs that are there; the index is put right where it says otherwise.

        Those whose figures show that they are not `wanted` are left out: for the others their roots are read.
        """
        if not run_ids:
            return {}
        # No MULTI here: in a cluster these keys are in many slots, and a list may be a moment old.
        pipe = self._redis.pipeline(transaction=False)
        pipe.hmget(keys.RUNS_FACTS, list(run_ids))
        for run_id in run_ids:
            pipe.hgetall(keys.run_keys(run_id).meta)
            pipe.get(keys.run_keys(run_id).state)
        entries, *answers = await pipe.execute()
        now = now_us()
        known: list[tuple[str, RunMeta | None, RunState | None]] = []
        repairs: list[tuple[Any, ...]] = []
        for i, run_id in enumerate(run_ids):
            meta, state = parse_meta(answers[2 * i], now), parse_state(answers[2 * i + 1])
            if meta is not None or await waiting_status(self._redis, run_id, state) is not None:
                if not wanted.looks_inside or wanted.matches_figures(summary(run_id, meta, state, None)):
                    known.append((run_id, meta, state))
                repairs += _corrections(run_id, meta, entries[i])
            else:
                repairs.append(forget_command(run_id, entries[i] or b"", expired=True))
        roots = await self._roots([(run_id, meta.root) for run_id, meta, _ in known if meta and meta.root])
        sources = await read_sources(self._redis, roots)
        await self._execute(repairs)
        return {
            run_id: summary(run_id, meta, state, roots.get(run_id), sources.get(run_id, UNKNOWN))
            for run_id, meta, state in known
        }

    async def _candidates(self, before: _Candidate, count: int, wanted: RunFilter) -> _Batch:
        """The next `count` runs of the index below `before`, as far as the index alone knows."""
        lowest = wanted.started_from or 0
        if wanted.operation is not None:
            source = keys.runs_of_operation(indexed_operation(wanted.operation))
            if wanted.statuses:
                return await self._below_with_status(source, before, count, lowest, wanted.statuses)
            found = await self._below(source, before, count, lowest)
        elif wanted.statuses:
            merged: set[_Candidate] = set()
            for status in wanted.statuses:
                merged.update(await self._below(keys.runs_of_status(status), before, count, lowest))
            found = sorted(merged, reverse=True)[:count]
        else:
            found = await self._below(keys.RUNS_RECENT, before, count, lowest)
        return _Batch(found, found[-1] if len(found) == count else None)

    async def _below_with_status(
        self, source: str, before: _Candidate, count: int, lowest: int, statuses: Iterable[str]
    ) -> _Batch:
        """As `_below`, of some statuses: one trip reads the status of a thousand runs."""
        words = {status.encode() for status in statuses}
        chosen: list[_Candidate] = []
        for _ in range(_TRIPS):
            some = await self._below(source, before, _ENTRIES_STEP, lowest)
            entries: Any = await self._redis.hmget(keys.RUNS_FACTS, [one.run_id for one in some]) if some else []
            for candidate, held in zip(some, entries, strict=True):
                match = _INDEX_ENTRY.fullmatch(held or b"")
                if match is not None and match[1] in words:
                    chosen.append(candidate)
                    if len(chosen) == count:
                        return _Batch(chosen, candidate)
            if len(some) < _ENTRIES_STEP:
                return _Batch(chosen, None)
            before = some[-1]
        return _Batch(chosen, before)

    async def _below(self, source: str, before: _Candidate, count: int, lowest: int) -> list[_Candidate]:
        wanted: list[_Candidate] = []
        offset = 0
        while len(wanted) < count:
            step = count + 1
            found: Any = await self._redis.zrevrangebyscore(
                source, before.start, lowest, start=offset, num=step, withscores=True
            )
            # Redis orders equal scores by member: the id decides among runs of one microsecond.
            some = [_Candidate(int(score), member.decode()) for member, score in found]
            wanted += [candidate for candidate in some if candidate < before]
            offset += len(found)
            if len(found) < step:
                break
        return wanted[:count]

    async def _roots(self, wanted: list[tuple[str, str]]) -> dict[str, Any]:
        pipe = self._redis.pipeline(transaction=False)
        for run_id, root in wanted:
            pipe.hget(keys.run_keys(run_id).spans, root)
        states = await pipe.execute() if wanted else []
        return {
            run_id: orjson.loads(state) for (run_id, _), state in zip(wanted, states, strict=True) if state is not None
        }

    async def _execute(self, commands: Sequence[tuple[Any, ...]]) -> None:
        if not commands:
            return
        pipe = self._redis.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        await pipe.execute()


def _named(counts: Mapping[str | None, int]) -> list[dict[str, Any]]:
    return [{"name": name, "runs": count} for name, count in counts.items() if name is not None and count]


def _corrections(run_id: str, meta: RunMeta | None, held: bytes | None) -> list[tuple[Any, ...]]:
    """What brings the index up to date with a run: its writer died before doing so, or only silence has ended it."""
    if meta is None or meta.epoch is None:
        return []
    operation = indexed_operation(meta.operation or "")
    match = _INDEX_ENTRY.fullmatch(held or b"")
    if match is not None and (match[1].decode(), match[2].decode()) == (
        meta.status,
        keys.operation_digest(operation) if operation else "",
    ):
        return []
    applied = Applied(
        meta.next_index,
        duplicate=False,
        epoch=int(meta.epoch),
        start_us=meta.start or int(meta.epoch),
        settled=meta.expected is not None,
        tell_index=True,
        status=meta.status,
        operation=operation,
    )
    return list(index_commands(run_id, applied)[:1])  # which runs are open is the reaper's affair


def _parse_cursor(cursor: str | None) -> _Candidate | None:
    if cursor is None:
        return None
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise InputRefusedError("This is no cursor that a page of runs has given out.", kind="malformed-cursor")
    return _Candidate(int(match[1]), match[2])
