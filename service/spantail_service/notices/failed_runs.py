"""Which runs have failed since somebody looked last: from the changes of the list, whenever a run began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from spantail_exporters.model import keys

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from spantail_service.runs.index import RunIndex

_STEP: Final = 1_000  # changes a trip
_READ_AT_ONCE: Final = 200  # runs a trip
_OLD_US: Final = 7 * 86_400 * 1_000_000  # a change of a run that ended before that, such as a pin, is no news
_FROM_THE_START: Final = "0-0"


class FailedRuns:
    """Reads on from where the last look ended, in whichever process that was.

    Args:
        redis: Where the changes are, and how far they were read.
        runs: The list of runs.
    """

    def __init__(self, redis: Redis, runs: RunIndex) -> None:
        self._redis = redis
        self._runs = runs
        self._read_to: str | None = None

    async def found(self, now_us: int) -> list[dict[str, Any]]:
        """The runs that failed since the last look that was `taken`, as `RunIndex` shows them."""
        stored: Any = await self._redis.get(keys.NOTICES_POSITION)
        position = stored.decode() if stored else _FROM_THE_START
        failed: dict[str, None] = {}
        while True:
            found: Any = await self._redis.xread({keys.RUNS_CHANGES: position}, count=_STEP)
            if not found:
                break
            changes = found[0][1]
            position = changes[-1][0].decode()
            changed = dict.fromkeys(fields[b"run"].decode() for _, fields in changes)
            failed |= dict.fromkeys(await self._runs.with_status(list(changed), "failed"))
            if len(changes) < _STEP:
                break
        self._read_to = None if stored and position == stored.decode() else position
        runs = await self._read(list(failed))
        return [run for run in runs if not run["imported"] and (run["end"] or now_us) > now_us - _OLD_US]

    async def taken(self) -> None:
        """All that was found is taken in: go on behind it."""
        if self._read_to is not None:
            await self._redis.set(keys.NOTICES_POSITION, self._read_to)

    async def _read(self, run_ids: list[str]) -> list[dict[str, Any]]:
        held: dict[str, dict[str, Any]] = {}
        for first in range(0, len(run_ids), _READ_AT_ONCE):
            held |= await self._runs.read(run_ids[first : first + _READ_AT_ONCE])
        return [held[run_id] for run_id in run_ids if run_id in held and held[run_id]["status"] == "failed"]
