"""`/healthz`: the process is alive. `/readyz`: it can do its work, which needs Redis."""

from __future__ import annotations

import asyncio

import orjson
from fastapi import APIRouter, Request, Response

from spantail_exporters.redis.errors import REDIS_UNREACHABLE
from spantail_service.errors import RETRY_AFTER_S
from spantail_service.services import services_of
from spantail_service.web.openapi import answers
from spantail_service.web.problems import ProblemError
from spantail_service.web.schemas.service import Alive, Ready

router = APIRouter(tags=["health"])

_PING_S = 2.0


@router.get("/healthz", summary="Alive", responses=answers(Alive))
async def healthz() -> Response:
    """200 as long as the process answers at all."""
    return Response(b'{"status":"ok"}', media_type="application/json", headers={"cache-control": "no-store"})


@router.get("/readyz", summary="Ready: Redis answers", responses=answers(Ready, 503))
async def readyz(request: Request) -> Response:
    """200 when Redis answers, else 503."""
    services = services_of(request)
    try:
        async with asyncio.timeout(_PING_S):
            await services.redis.ping()
    except (TimeoutError, *REDIS_UNREACHABLE):
        raise ProblemError(
            503,
            "redis-unreachable",
            "Redis cannot be reached at the moment.",
            headers={"retry-after": str(RETRY_AFTER_S)},
        ) from None
    body = orjson.dumps({"status": "ready", "demo": services.settings.demo})
    return Response(body, media_type="application/json", headers={"cache-control": "no-store"})
