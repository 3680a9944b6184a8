"""The outside world on loopback, in the test's own event loop: it answers at once, and stands still on demand."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from spantail_service.demo.faults import Pace
from spantail_service.demo.server import DemoServer
from tests.support.waiting import eventually_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SEED = 7


class Gate:
    """Holds requests before they are answered. A place is what a path begins with: `himalayas`, `openai`."""

    def __init__(self) -> None:
        self._shut: dict[str, asyncio.Event] = {}
        self._waiting: Counter[str] = Counter()

    async def __call__(self, path: str) -> None:
        """What the demo world awaits before each answer."""
        place = path.strip("/").partition("/")[0]
        shut = self._shut.get(place)
        if shut is None:
            return
        self._waiting[place] += 1
        try:
            await shut.wait()
        finally:
            self._waiting[place] -= 1

    def shut(self, *places: str) -> None:
        """Hold what arrives from now on."""
        for place in places:
            self._shut[place] = asyncio.Event()

    def open(self, *places: str) -> None:
        """Let go what is held, and hold nothing more."""
        for place in places:
            if shut := self._shut.pop(place, None):
                shut.set()

    def open_all(self) -> None:
        """The same for every place."""
        self.open(*self._shut)

    async def held(self, place: str, count: int = 1) -> None:
        """Wait until `count` requests are held."""
        await eventually_async(lambda: self._waiting[place] >= count, 30, what=f"{count} held at {place}")


class HeldWorld:
    """A demo world with a gate, and the settings that send a service there."""

    def __init__(self, demo: DemoServer, gate: Gate) -> None:
        self.gate = gate
        self.settings = {
            "SPANTAIL_DEMO": "true",
            "SPANTAIL_HIMALAYAS_URL": demo.himalayas_url,
            "SPANTAIL_OPENAI_BASE_URL": demo.openai_url,
            "SPANTAIL_OPENAI_API_KEY": "demo",
            "SPANTAIL_ANTHROPIC_BASE_URL": demo.anthropic_url,
            "SPANTAIL_ANTHROPIC_API_KEY": "demo",
            # what is held is held until it is let go
            "SPANTAIL_SOURCE_TIMEOUT_S": "300",
            "SPANTAIL_LLM_TIMEOUT_S": "600",
        }


@asynccontextmanager
async def held_world() -> AsyncIterator[HeldWorld]:
    """Job board and LLM provider, without delays and without failures that nobody asked for."""
    gate = Gate()
    async with DemoServer(SEED, pace=Pace(scale=0.0), rate_limited=0.0, hold=gate) as demo:
        try:
            yield HeldWorld(demo, gate)
        finally:
            gate.open_all()
