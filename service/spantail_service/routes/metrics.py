"""``GET /metrics``: Prometheus text exposition (or OpenMetrics, for who asks for it)."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client.exposition import choose_encoder

from spantail_service.openapi import answers
from spantail_service.services import services_of

router = APIRouter(tags=["health"])


@router.get(
    "/metrics",
    summary="The service's own health, runs and spend, for Prometheus",
    response_class=PlainTextResponse,
    responses=answers(None, media="text/plain", says="The exposition."),
)
async def read_metrics(request: Request) -> Response:
    """Counters of this process, and gauges of what all processes share in Redis. 200 also while Redis is away:
    ``spantail_redis_up`` is 0 then.
    """
    services = services_of(request)
    await services.metrics.read_redis(services.redis)
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    return Response(
        encode(services.metrics.registry),
        headers={"content-type": content_type, "cache-control": "no-store"},
    )
