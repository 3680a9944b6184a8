"""The jobs that operations share, in real Redis: kept over restarts, bounded, and imported once."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from spantail_exporters.model import keys
from spantail_service.operations.job_store import JobStore, JobsUnavailableError, fingerprint
from spantail_service.operations.sources import JobPosting
from spantail_service.storage.connect import connect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from redis.asyncio import Redis

RUN, OTHER_RUN = "1" * 32, "2" * 32


def a_job(number: int, **changes: Any) -> JobPosting:
    job = JobPosting(f"job-{number}", "s", f"Developer {number}", "Acme", "Bern", "https://a.example", "Text.", ("Go",))
    return dataclasses.replace(job, **changes)


def ids(jobs: list[JobPosting]) -> list[str]:
    return [job.id for job in jobs]


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with connect(redis_url, max_connections=16, timeout_s=5) as client:
        yield client


async def goes_on(redis: Redis, run_id: str, status: str = "running") -> None:
    """The run is known to Redis, with this status."""
    await redis.hset(keys.run_keys(run_id).meta, "status", status)


async def test_a_posting_is_what_it_was_and_the_longest_unused_goes_first(redis: Redis) -> None:
    store = JobStore(redis, size=2)
    await store.put([a_job(1), a_job(2)])
    assert await store.get("job-1") == a_job(1)  # used: now the second one is the oldest
    await JobStore(redis, size=2).put([a_job(3)])
    assert [await store.get(f"job-{n}") for n in (1, 2, 3)] == [a_job(1), None, a_job(3)]
    assert await redis.hlen(keys.JOBS_POSTINGS) == await redis.zcard(keys.JOBS_USED) == 2


async def test_an_unreadable_posting_is_none(redis: Redis) -> None:
    for stored in ("[]", "{", '{"id": "job-1"}', '{"id": "job-1", "skills": 3}'):
        await redis.hset(keys.JOBS_POSTINGS, "job-1", stored)
        assert await JobStore(redis, size=2).get("job-1") is None
    assert await redis.zcard(keys.JOBS_USED) == 0, "asking for a job that is not there remembers nothing"


async def test_of_two_runs_that_ask_at_once_one_gets_each_job(redis: Redis) -> None:
    for run_id in (RUN, OTHER_RUN):
        await goes_on(redis, run_id)
    jobs = [a_job(number) for number in range(40)]
    mine, theirs = await asyncio.gather(
        JobStore(redis, size=100).admit(jobs, RUN), JobStore(redis, size=100).admit(jobs[::-1], OTHER_RUN)
    )
    assert sorted(ids(mine.new + theirs.new)) == sorted(ids(jobs))
    assert ids(mine.busy) == ids(theirs.new[::-1])
    assert not mine.known + theirs.known


async def test_an_imported_job_is_known_by_its_id_and_by_what_it_is(redis: Redis) -> None:
    store = JobStore(redis, size=10)
    await store.admit([a_job(1)], RUN)
    assert await store.finish("job-1", RUN)
    elsewhere = a_job(1, id="of-another-source", title=" developer  1", company="ACME")
    other_place = a_job(1, id="other-place", location="Basel")
    later = await store.admit([a_job(1, title="Renamed"), elsewhere, other_place], OTHER_RUN)
    assert ids(later.known) == ["job-1", "of-another-source"]
    assert ids(later.new) == ["other-place"]
    assert fingerprint(elsewhere) == fingerprint(a_job(1)) != fingerprint(other_place)


async def test_the_same_job_twice_in_one_list_is_imported_once(redis: Redis) -> None:
    admitted = await JobStore(redis, size=10).admit([a_job(1), a_job(1, id="twin")], RUN)
    assert (ids(admitted.new), ids(admitted.known)) == (["job-1"], ["twin"])


async def test_every_step_may_be_repeated(redis: Redis) -> None:
    store = JobStore(redis, size=10)
    await goes_on(redis, RUN)
    for _ in range(2):
        assert ids((await store.admit([a_job(1), a_job(2)], RUN)).new) == ["job-1", "job-2"]
    assert [await store.finish("job-1", RUN) for _ in range(2)] == [True, True]
    await goes_on(redis, RUN, "completed")
    assert ids((await store.admit([a_job(1), a_job(2)], OTHER_RUN)).new) == ["job-2"], "what is imported stays so"


@pytest.mark.parametrize("status", ["abandoned", "failed", "cancelled", None])
async def test_what_a_dead_run_left_is_new_again_and_its_word_counts_no_more(redis: Redis, status: str | None) -> None:
    store = JobStore(redis, size=10)
    await store.admit([a_job(1)], RUN)
    await goes_on(redis, RUN)
    assert ids((await store.admit([a_job(1)], OTHER_RUN)).busy) == ["job-1"]
    if status is None:
        await redis.delete(keys.run_keys(RUN).meta)
    else:
        await goes_on(redis, RUN, status)
    twin = a_job(1, id="twin")  # the same job in another source
    assert ids((await store.admit([twin], OTHER_RUN)).new) == ["twin"]
    assert not await store.finish("job-1", RUN)
    assert await store.finish("twin", OTHER_RUN)
    assert await redis.hlen(keys.JOBS_IMPORTS) == 1


async def test_imports_are_remembered_up_to_a_number(redis: Redis) -> None:
    store = JobStore(redis, size=3)
    for number in range(5):
        await store.admit([a_job(number)], RUN)
        assert await store.finish(f"job-{number}", RUN)
    assert [await redis.hlen(keys.JOBS_IMPORTS), await redis.hlen(keys.JOBS_SAME)] == [3, 3]
    assert ids((await store.admit([a_job(0), a_job(4)], OTHER_RUN)).new) == ["job-0"]


async def test_one_import_may_have_more_jobs_than_are_remembered(redis: Redis) -> None:
    store = JobStore(redis, size=2)
    jobs = [a_job(number) for number in range(5)]
    assert ids((await store.admit(jobs, RUN)).new) == ids(jobs)
    assert all([await store.finish(job.id, RUN) for job in jobs])
    await store.admit([a_job(9)], OTHER_RUN)
    assert await redis.hlen(keys.JOBS_IMPORTS) == 2


async def test_a_redis_that_takes_no_writes_is_named(redis: Redis) -> None:
    store = JobStore(redis, size=2)
    await redis.config_set("min-replicas-to-write", 1)
    try:
        with pytest.raises(JobsUnavailableError, match="the job store cannot be reached"):
            await store.put([a_job(1)])
    finally:
        await redis.config_set("min-replicas-to-write", 0)
