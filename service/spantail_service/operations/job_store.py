"""The jobs that operations found and imported, in Redis: they survive a restart, and all runners share them.

Two things are kept, and both are bounded: postings, for operations that work on one job, and which jobs were
imported. A job is known again by its id, or by company, title and place where another source lists it too.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson
from redis.exceptions import RedisError

from spantail_exporters.model import keys
from spantail_exporters.redis.errors import will_be_back
from spantail_service.operations.sources.base import JobPosting
from spantail_service.storage.run_writes import now_us

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from redis.asyncio import Redis

_RUN_GOES_ON: Final = (b"queued", b"running")

_KEEP: Final = """
-- KEYS  postings, used
-- ARGV  now (us), how many are kept, then per job: id, posting as JSON
for i = 3, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  redis.call('ZADD', KEYS[2], ARGV[1], ARGV[i])
end
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[2])
if over > 0 then
  local gone = redis.call('ZPOPMIN', KEYS[2], over)
  for i = 1, #gone, 2 do redis.call('HDEL', KEYS[1], gone[i]) end
end
return over
"""

_IMPORTS: Final = """
-- KEYS  imports, imported, same
local imports, imported, same = KEYS[1], KEYS[2], KEYS[3]

local function entry_of(id)
  local entry = id and redis.call('HGET', imports, id)
  if not entry then return nil end
  return string.match(entry, '^(%S+) (%S+) (%S+)$')
end

local function forget(id)
  local fingerprint = entry_of(id)
  if fingerprint and redis.call('HGET', same, fingerprint) == id then redis.call('HDEL', same, fingerprint) end
  redis.call('HDEL', imports, id)
  redis.call('ZREM', imported, id)
end
"""
_ADMIT: Final = (
    _IMPORTS
    + """
-- ARGV  now (us), how many are remembered, the run, number of runs that are over, those runs, then per job: id,
--       fingerprint
-- RETURNS  per job: '' = this run imports it, 'known' = it was imported, else the run that is importing it
local now, most, run, at = ARGV[1], tonumber(ARGV[2]), ARGV[3], 5
local is_over = {}
for i = at, at + tonumber(ARGV[4]) - 1 do is_over[ARGV[i]] = true end
at = at + tonumber(ARGV[4])
local answers = {}
for i = at, #ARGV, 2 do
  local id, fingerprint = ARGV[i], ARGV[i + 1]
  local held = redis.call('HEXISTS', imports, id) == 1 and id or redis.call('HGET', same, fingerprint)
  local _, by, progress = entry_of(held)
  local answer = ''
  if progress == 'imported' or (by == run and held ~= id) then
    answer = 'known'
  elseif by and by ~= run then
    if is_over[by] then forget(held) else answer = by end
  end
  if answer == '' then
    redis.call('HSET', imports, id, fingerprint .. ' ' .. run .. ' importing')
    redis.call('HSET', same, fingerprint, id)
    redis.call('ZADD', imported, now, id)
  end
  answers[#answers + 1] = answer
end
local over = redis.call('ZCARD', imported) - most
if over > 0 then
  for _, id in ipairs(redis.call('ZRANGE', imported, 0, over - 1)) do
    local _, by, progress = entry_of(id)
    if by ~= run or progress == 'imported' then forget(id) end
  end
end
return answers
"""
)
_FINISH: Final = (
    _IMPORTS
    + """
-- ARGV  the run, the job
-- RETURNS  1 = it is imported, and by this run
local fingerprint, by = entry_of(ARGV[2])
if by ~= ARGV[1] then return 0 end
redis.call('HSET', imports, ARGV[2], fingerprint .. ' ' .. by .. ' imported')
return 1
"""
)


class JobsUnavailableError(Exception):
    """Redis cannot be used at the moment; the message says why."""


class Admitted(NamedTuple):
    """Which jobs of several a run imports."""

    new: list[JobPosting]
    known: list[JobPosting]
    """Imported before, or the same as another one of the list."""
    busy: list[JobPosting]
    """Another run is importing them at this moment."""


class JobStore:
    """Jobs that were found, and those that were imported. Every method raises `JobsUnavailableError`.

    Args:
        redis: Where they are.
        size: How many postings are kept, and how many imports are remembered.
    """

    def __init__(self, redis: Redis, *, size: int) -> None:
        self._redis = redis
        self._size = size

    # --- of postings

    async def get(self, job_id: str) -> JobPosting | None:
        """The job, or None when no operation found it or it had to go."""
        pipe = self._redis.pipeline(transaction=False)
        pipe.hget(keys.JOBS_POSTINGS, job_id)
        pipe.zadd(keys.JOBS_USED, {job_id: now_us()}, xx=True)
        with _reachable():
            stored, _ = await pipe.execute()
        return None if stored is None else _posting(stored)

    async def put(self, jobs: Iterable[JobPosting]) -> None:
        """Keep these jobs, in place of what was known of them."""
        pairs = [part for job in jobs for part in (job.id, orjson.dumps(job))]
        if pairs:
            await self._eval(_KEEP, (keys.JOBS_POSTINGS, keys.JOBS_USED), now_us(), self._size, *pairs)

    # --- of imports

    async def admit(self, jobs: Sequence[JobPosting], run_id: str) -> Admitted:
        """Divide the jobs into new ones, which this run has to import, and others: in one atomic step.

        Of several runs that ask at the same time one gets a job. A job whose run has ended without importing it is
        new again. Safe to repeat.
        """
        answers = await self._admit(jobs, run_id, [])
        over = await self._runs_that_are_over({answer for answer in answers if answer not in {"", "known"}})
        if over:
            answers = await self._admit(jobs, run_id, over)
        admitted = Admitted([], [], [])
        for job, answer in zip(jobs, answers, strict=True):
            if answer == "":
                admitted.new.append(job)
            elif answer == "known":
                admitted.known.append(job)
            else:
                admitted.busy.append(job)
        return admitted

    async def finish(self, job_id: str, run_id: str) -> bool:
        """The run has imported the job. False when it is not this run's any more; then another one counts it."""
        return bool(await self._eval(_FINISH, _IMPORT_KEYS, run_id, job_id))

    async def _admit(self, jobs: Sequence[JobPosting], run_id: str, over: Sequence[str]) -> list[str]:
        if not jobs:
            return []
        pairs = [part for job in jobs for part in (job.id, fingerprint(job))]
        answers = await self._eval(_ADMIT, _IMPORT_KEYS, now_us(), self._size, run_id, len(over), *over, *pairs)
        return [answer.decode() for answer in answers]

    async def _runs_that_are_over(self, run_ids: set[str]) -> list[str]:
        found = sorted(run_ids)
        if not found:
            return []
        pipe = self._redis.pipeline(transaction=False)
        for run_id in found:
            pipe.hget(keys.run_keys(run_id).meta, "status")
        with _reachable():
            statuses = await pipe.execute()
        return [run_id for run_id, status in zip(found, statuses, strict=True) if status not in _RUN_GOES_ON]

    async def _eval(self, script: str, key_names: tuple[str, ...], *arguments: str | bytes | int) -> Any:
        execute: Any = self._redis.execute_command  # redis-py has no types for it
        with _reachable():
            return await execute("EVAL", script, len(key_names), *key_names, *arguments)


_IMPORT_KEYS: Final = (keys.JOBS_IMPORTS, keys.JOBS_IMPORTED, keys.JOBS_SAME)


@contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except (RedisError, OSError) as error:
        if will_be_back(error):
            raise JobsUnavailableError(f"the job store cannot be reached: {error}") from error
        raise


def fingerprint(job: JobPosting) -> str:
    """What is equal for the same job in two sources: a digest of company, title and place, however they are spaced."""
    parts = (" ".join(part.casefold().split()) for part in (job.company, job.title, job.location))
    return hashlib.sha256("\x1f".join(parts).encode("utf-8", "replace")).hexdigest()[:20]


def _posting(stored: bytes) -> JobPosting | None:
    """The posting, or None when another version wrote it and it cannot be read."""
    try:
        held = orjson.loads(stored)
        return JobPosting(**{**held, "skills": tuple(held["skills"])})
    except (ValueError, KeyError, TypeError):
        return None
