"""A reaper alone in a process of its own, until it is killed. Run with URL, lease and sweep in seconds."""

from __future__ import annotations

import asyncio
import sys

from spantail_service.reaper import Reaper, Timing
from tests.support.waiting import eventually_async


async def main(url: str, lease_s: str, sweep_s: str) -> None:
    """Reap, and say once when it may."""
    async with Reaper(url, timing=Timing(float(lease_s), float(sweep_s))) as reaper:
        await eventually_async(lambda: reaper.waited_s >= float(lease_s), 60)
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
