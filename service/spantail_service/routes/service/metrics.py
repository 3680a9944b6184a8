"""`GET /metrics`: Prometheus text exposition (or OpenMetrics, for who asks for it)."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics

from spantail_service.errors import RETRY_AFTER_S
from spantail_service.services import Services, services_of
from spantail_service.web.openapi import answers
from spantail_service.web.problems import ProblemError

router = APIRouter(tags=["health"])

_OPENMETRICS = "application/openmetrics-text"


@router.get(
    "/metrics",
    summary="The service's own health, runs and spend, for Prometheus",
    response_class=PlainTextResponse,
    responses=answers(None, 503, media="text/plain", says="The exposition."),
)
async def read_metrics(request: Request) -> Response:
    """Counters of this service, over all its workers, and gauges of what all processes share in Redis. 200 also while
    Redis is away: `spantail_redis_up` is 0 then. 503 where the workers cannot be asked.
    """
    services = services_of(request)
    registry = await _registry_of(services)
    # prometheus-client's own choice fails on a malformed version, and repeats the requested one in the answer's header
    asked = {media.partition(";")[0].strip().lower() for media in request.headers.get("accept", "").split(",")}
    if _OPENMETRICS in asked:
        body: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call]
        content_type = openmetrics.CONTENT_TYPE_LATEST
    else:
        body, content_type = generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4
    return Response(body, headers={"content-type": content_type, "cache-control": "no-store"})


async def _registry_of(services: Services) -> CollectorRegistry:
    metrics = services.metrics
    if metrics.add_up is not None:
        try:
            return await metrics.add_up()
        except TimeoutError:  # what this worker alone has counted would look as if counters had fallen
            raise ProblemError(
                503,
                "workers-unreachable",
                "The workers of this service cannot be asked at the moment.",
                headers={"retry-after": str(RETRY_AFTER_S)},
            ) from None
    await services.read_metrics()
    return metrics.registry
