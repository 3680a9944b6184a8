"""`GET /api/breakers`: which LLM backends are not asked at the moment."""

from __future__ import annotations

from dataclasses import asdict

import orjson
from fastapi import APIRouter, Request, Response

from spantail_service.llm.breaker import all_circuits
from spantail_service.services import services_of
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.breakers import Breakers

router = APIRouter(tags=["health"])


@router.get("/api/breakers", summary="Circuit breakers of the LLM backends", responses=answers(Breakers))
async def read_breakers(request: Request) -> Response:
    """Answers `{breakers: [{backend, model, state, failures, reason, opened, until, missing_on}]}`.

    One for each backend and model that was asked within a day, as all processes on this Redis share it. `reason` is
    `not_installed` where nothing else is wrong; `missing_on` names the hosts then.
    """
    circuits = await all_circuits(services_of(request).redis)
    body = {"breakers": [asdict(circuit) for circuit in circuits]}
    return Response(orjson.dumps(body), media_type="application/json", headers={"cache-control": "no-store"})
