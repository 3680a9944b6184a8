"""`GET /api/about`: what the service says of itself, for `spantail doctor`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response
from redis.exceptions import ResponseError

from spantail_service import __version__
from spantail_service.errors import RETRY_AFTER_S
from spantail_service.services import services_of
from spantail_service.storage.run_writes import now_us
from spantail_service.web.openapi import answers
from spantail_service.web.problems import ProblemError
from spantail_service.web.schemas.service import About

router = APIRouter(tags=["health"])

_REDIS_S = 2.0


@router.get("/api/about", summary="Version, clock and Redis of this service", responses=answers(About))
async def read_about(request: Request) -> Response:
    """Answers `{name, version, time_us, demo, redis: {url, version, id, time_us}}`; 503 without Redis.

    `redis.id` is the server's own id of its present life (`run_id` of INFO): whoever reaches a Redis with
    another one is on another server; of a cluster it is that of the node with the index. `url` has no password;
    what Redis does not say is null.
    """
    services = services_of(request)
    server: dict[str, Any] = {}
    try:
        async with asyncio.timeout(_REDIS_S):
            seconds, microseconds = await services.redis.time()
            with contextlib.suppress(ResponseError):  # a managed Redis may forbid INFO
                server = await services.redis.info("server")
    except TimeoutError:
        raise ProblemError(
            503,
            "redis-unreachable",
            "Redis does not answer at the moment.",
            headers={"retry-after": str(RETRY_AFTER_S)},
        ) from None
    body = {
        "name": "spantail",
        "version": __version__,
        "time_us": now_us(),
        "demo": services.settings.demo,
        "redis": {
            "url": services.settings.storage.shown_redis_url,
            "version": server.get("redis_version"),
            "id": server.get("run_id"),
            "time_us": seconds * 1_000_000 + microseconds,
        },
    }
    return Response(orjson.dumps(body), media_type="application/json", headers={"cache-control": "no-store"})
