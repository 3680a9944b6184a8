"""A runner in a process of its own, with the operations of the tests. Run with URL, lease (s) and concurrency."""

from __future__ import annotations

import asyncio
import signal
import sys

from tests.support.work.jobs import opened_jobs


async def main(url: str, lease_s: str, concurrency: str) -> None:
    """Work until SIGTERM, then drain for a tenth of a second."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with opened_jobs(url, concurrency=int(concurrency), queue_lease_s=float(lease_s)) as jobs:
        print("ready", flush=True)
        await stop.wait()
        await jobs.drain(0.1)
    print("stopped", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
