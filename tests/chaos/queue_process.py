"""Processes that use the queue and are killed at a boundary: right before or right after a call of a script.

Run as a process: URL. It says "ready", then takes a line for each child that it is to fork:

    ask AT NAME     as a service: queue NAME, cancel it, retry it, and queue NAME-more
    ask_failing AT NAME   as a service: queue NAME, which will fail
    work AT NAME…   as a runner: work until these items are over

AT is the boundary at which the child is killed (1 is before its first call, 2 after that, …), 0 for none. The answer is
"killed", or "done" and the number of boundaries that it passed. Forked, a child needs no second for its imports.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from typing import TYPE_CHECKING, Any

from spantail_exporters.model import keys
from spantail_service.storage.connect import connect
from spantail_service.storage.routing import RoutedRedis
from tests.chaos.queue_parts import Given, jobs_on, operations_on
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import Sequence


LEASE_S = 2.0  # for as long, recovery watches Redis before it takes what a dead runner had
DONE_S = 60.0


class KillingRedis(RoutedRedis):
    """A client whose process is killed at one of the boundaries of its script calls."""

    kill_at = 0
    passed = 0

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        is_script = args[0] == "EVALSHA"
        self._boundary(is_script=is_script)
        reply = await super().execute_command(*args, **options)
        self._boundary(is_script=is_script)
        return reply

    async def carry_out(self, staged: Sequence[Any], *, in_steps: bool) -> list[Any]:
        is_script = any(args[0] == "EVALSHA" for args, _ in staged)
        self._boundary(is_script=is_script)
        replies = await super().carry_out(staged, in_steps=in_steps)
        self._boundary(is_script=is_script)
        return replies

    def _boundary(self, *, is_script: bool) -> None:
        if is_script:
            self.passed += 1
            if self.passed == self.kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


def _client(url: str, kill_at: int) -> KillingRedis:
    plain = connect(url, max_connections=8, timeout_s=5.0)
    redis = KillingRedis(url, plain._make_pool)
    redis.kill_at = kill_at
    return redis


async def ask(url: str, kill_at: int, names: Sequence[str]) -> int:
    """What a service does for a caller; repeated, it comes to the same."""
    (name,) = names
    redis = _client(url, kill_at)
    op = operations_on(redis)["step"]
    async with jobs_on(redis, url, concurrency=0, lease_s=LEASE_S) as jobs:
        await jobs.enqueuer.enqueue(op, Given(name=name), item_id=name)
        await jobs.enqueuer.cancel(name)
        await jobs.enqueuer.retry(name)
        await jobs.enqueuer.enqueue(op, Given(name=f"{name}-more"), item_id=f"{name}-more", priority="high")
    await redis.aclose()
    return redis.passed


async def ask_failing(url: str, kill_at: int, names: Sequence[str]) -> int:
    """Queue what will fail."""
    (name,) = names
    redis = _client(url, kill_at)
    async with jobs_on(redis, url, concurrency=0, lease_s=LEASE_S) as jobs:
        await jobs.enqueuer.enqueue(operations_on(redis)["fail"], Given(name=name), item_id=name)
    await redis.aclose()
    return redis.passed


async def work(url: str, kill_at: int, names: Sequence[str]) -> int:
    """What a runner does."""
    redis, watching = _client(url, kill_at), connect(url, max_connections=2, timeout_s=5.0)
    async with jobs_on(redis, url, concurrency=1, lease_s=LEASE_S):
        passed = 0

        async def are_over() -> Any:
            nonlocal passed
            passed = redis.passed
            return await _are_over(names, watching)

        await eventually_async(are_over, DONE_S, what=f"{names} are over")
    await watching.aclose()
    await redis.aclose()
    return passed


async def _are_over(names: Sequence[str], watching: Any) -> bool:
    statuses = [await watching.hget(keys.queue_item(name), "status") for name in names]
    return all(status in {b"succeeded", b"failed", b"cancelled"} for status in statuses)


def main(url: str) -> None:
    """Fork a child for each line, and say how it ended."""
    print("ready", flush=True)
    for line in sys.stdin:
        what, kill_at, *names = line.split()
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reading)
            passed = asyncio.run({"ask": ask, "ask_failing": ask_failing, "work": work}[what](url, int(kill_at), names))
            os.write(writing, str(passed).encode())
            os._exit(0)
        os.close(writing)
        passed_text = os.read(reading, 100).decode()
        os.close(reading)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        print(
            "killed" if code == -signal.SIGKILL else f"done {passed_text}" if code == 0 else f"failed {code}",
            flush=True,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
