"""What was spent within the last hours: from the sums by day, which are looked at again and again."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail_exporters.model import keys
from spantail_service.runs.spending import spend_by_backend

if TYPE_CHECKING:
    from redis.asyncio import Redis

_DAYS: Final = 3  # a run's cost counts on the day on which it began
_EVERY_MS: Final = 60_000
_KEPT_MS: Final = 25 * 3_600_000


class SpendWindow:
    """Looks at the sums once a minute, so the beginning of a window is a minute wrong at most."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def within(self, window_s: int, now_us: int) -> int | None:
        """What was spent within a window that ends now, in nano-USD.

        What was spent before somebody looked for the first time is not in it. None: nobody has looked before.
        """
        now_ms = now_us // 1_000
        sums = await self._sums(datetime.fromtimestamp(now_us / 1e6, UTC).date())
        before = await self._at(now_ms - window_s * 1_000)
        await self._look(sums, now_ms)
        if before is None:
            return None
        # what was imported or deleted meanwhile may make a day's sum smaller
        return sum(max(nano - before.get(day, 0), 0) for day, nano in sums.items())

    async def _sums(self, today: date) -> dict[str, int]:
        spend = await spend_by_backend(self._redis, _DAYS, today)
        return {day["day"]: day["cost_nano"] for day in spend["days"]}

    async def _at(self, at_ms: int) -> dict[str, int] | None:
        """The sums as they were at a time, or as they were when somebody looked first."""
        found: Any = await self._redis.zrevrangebyscore(keys.NOTICES_SPEND, at_ms, "-inf", start=0, num=1)
        if not found:
            found = await self._redis.zrange(keys.NOTICES_SPEND, 0, 0)
        return orjson.loads(found[0])["sums"] if found else None

    async def _look(self, sums: dict[str, int], now_ms: int) -> None:
        latest: Any = await self._redis.zrange(keys.NOTICES_SPEND, -1, -1, withscores=True)
        if latest and now_ms - latest[0][1] < _EVERY_MS:
            return
        # the time is in it, else the same sums would be one member
        member = orjson.dumps({"at": now_ms, "sums": sums})
        async with self._redis.pipeline(transaction=True) as pipe:
            pipe.zadd(keys.NOTICES_SPEND, {member: now_ms})
            pipe.zremrangebyscore(keys.NOTICES_SPEND, "-inf", now_ms - _KEPT_MS)
            await pipe.execute()
