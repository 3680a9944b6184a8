"""One process of `bench.peers.queue`, in the peer's own environment: `PEER URL COUNT`; COUNT 0 is a worker.

A worker begins with a line on standard input, and says in Redis how many jobs it has done.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

from redis.asyncio import Redis

CONCURRENCY = 64
_REPORT_S = 0.02
_AT_A_TIME = 32  # each waits for a connection of its own
_done = 0


async def noop(_context: Any = None) -> None:
    """The job."""
    global _done  # noqa: PLW0603 - a job of these libraries is a plain function
    _done += 1


async def report(url: str) -> None:
    """Say again and again how many jobs are done."""
    async with Redis.from_url(url) as redis:
        while True:
            await redis.set(f"bench:count:{os.getpid()}", _done)
            await asyncio.sleep(_REPORT_S)


async def until_go() -> None:
    """Say that all is there, and wait for the word to begin."""
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)


async def saq(url: str, count: int) -> None:
    """The package `saq`."""
    from saq import Worker  # type: ignore[import-not-found]
    from saq.queue.redis import RedisQueue  # type: ignore[import-not-found]

    queue = RedisQueue(Redis.from_url(url))
    await queue.connect()
    if count:
        for first in range(0, count, _AT_A_TIME):
            await asyncio.gather(*(queue.enqueue("noop") for _ in range(first, min(first + _AT_A_TIME, count))))
        return
    await until_go()
    await asyncio.gather(Worker(queue, functions=[noop], concurrency=CONCURRENCY).start(), report(url))


async def docket(url: str, count: int) -> None:
    """The package `pydocket`."""
    from docket import Docket, Worker  # type: ignore[import-not-found]

    async with Docket(name="bench", url=url) as made:
        made.register(noop)
        if count:
            for first in range(0, count, _AT_A_TIME):
                await asyncio.gather(*(made.add(noop)(None) for _ in range(first, min(first + _AT_A_TIME, count))))
            return
        await until_go()
        async with Worker(made, concurrency=CONCURRENCY) as worker:
            await asyncio.gather(worker.run_forever(), report(url))


async def main(peer: str, url: str, count: int) -> None:
    """Queue so many jobs, or work."""
    await {"saq": saq, "docket": docket}[peer](url, count)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
