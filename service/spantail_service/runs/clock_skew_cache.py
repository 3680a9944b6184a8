"""The clock skews of runs, estimated when somebody asks and kept for as long as the run stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail_exporters.model import keys
from spantail_service.bounds.time_slice import TimeSlice
from spantail_service.runs.clock_skew import NONE, Clocks, Skews, SpanTimes, estimate_in_steps, times_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis.asyncio import Redis

FEW_SPANS: Final = 2_000
"""Of a run with more, skews are known once its snapshot or a window was taken: nobody reads it all for one span."""

_HELD: Final = 256  # runs
_SCAN: Final = 1_000


class Version(NamedTuple):
    """Which state of a run this is: skews of the same one are the same."""

    epoch: str | None
    next_index: int


class ClockSkewCache:
    """The skews of the runs that were looked at last in this process."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._held: dict[str, tuple[Version, Skews]] = {}

    async def of_states(self, run_id: str, version: Version, states: Mapping[bytes, bytes], *, several: bool) -> Skews:
        """Those of a run whose states, by span id, were read; `several` as `Clocks.are_several` says of them."""
        held = self._held.get(run_id)
        if held is not None and held[0] == version:
            return held[1]
        return self.take(run_id, version, await _estimated(states) if several else NONE)

    async def of_run(self, run_id: str, version: Version, spans: int) -> Skews:
        """Those of a run of so many spans: of a large one as its last snapshot or window had them, else none.

        Raises:
            RedisError: Redis cannot be reached.
        """
        held = self._held.get(run_id)
        if held is not None and (held[0] == version or (spans > FEW_SPANS and held[0].epoch == version.epoch)):
            return held[1]
        if spans > FEW_SPANS:
            return NONE
        states: dict[bytes, bytes] = {}
        clocks = Clocks()
        cursor = 0
        while True:
            answer: Any = await self._redis.hscan(keys.run_keys(run_id).spans, cursor, count=_SCAN)
            cursor, found = answer
            clocks.look(found.values())
            states.update(found)
            if cursor == 0:
                return await self.of_states(run_id, version, states, several=clocks.are_several)

    def take(self, run_id: str, version: Version, skews: Skews) -> Skews:
        """Keep those of a run; they are answered."""
        self._held.pop(run_id, None)  # put in again at the end: the first was looked at longest ago
        self._held[run_id] = version, skews
        if len(self._held) > _HELD:
            del self._held[next(iter(self._held))]
        return skews


async def _estimated(states: Mapping[bytes, bytes]) -> Skews:
    """Estimate in time slices: others go on in between."""
    time_slice = TimeSlice()
    spans_by_id: dict[bytes, SpanTimes] = {}
    for state in states.values():
        if (times := times_of(state)) is not None:
            spans_by_id[times.span_id] = times
        if time_slice.is_over:
            await time_slice.pause()
    steps = estimate_in_steps(spans_by_id)
    while True:
        try:
            next(steps)
        except StopIteration as over:
            skews: Skews = over.value
            return skews
        if time_slice.is_over:
            await time_slice.pause()
