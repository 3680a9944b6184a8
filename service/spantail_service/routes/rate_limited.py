"""Rate limits of routes that cost the service much: `dependencies=[HEAVY]` beside the route."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.params import Depends as Dependency

from spantail_service.access.rate_limits import client_of
from spantail_service.services import services_of
from spantail_service.web.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from spantail_service.access.rate_limits import RateLimits, TokenBuckets


def _limited(
    buckets_of: Callable[[RateLimits], TokenBuckets], what: str, setting: str
) -> Callable[[Request], Coroutine[None, None, None]]:
    async def take_one(request: Request) -> None:
        wait_s = buckets_of(services_of(request).rate_limits).take(client_of(request.scope))
        if wait_s:
            seconds = math.ceil(wait_s)
            raise ProblemError(
                429,
                "too-many-requests",
                f"{what} from this address: try again in {seconds} s ({setting} sets the limit).",
                headers={"retry-after": str(seconds)},
            )

    return take_one


STARTS = Dependency(
    _limited(lambda limits: limits.starts, "Too many operations were started", "SPANTAIL_MAX_STARTS_PER_MINUTE")
)
"""For routes that start work, which costs money."""

take_heavy = _limited(
    lambda limits: limits.heavy, "Too many large answers were asked for", "SPANTAIL_MAX_HEAVY_PER_MINUTE"
)
"""Count a request that reads or writes a whole run, or searches through many; raises `ProblemError` 429."""

HEAVY = Dependency(take_heavy)
"""For routes of which every request is such a one."""
