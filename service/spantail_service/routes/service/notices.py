"""`/api/notices`: the rules that notices come from, and the latest notices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Path, Request, Response

from spantail_service.errors import InputRefusedError, NotFoundError
from spantail_service.notices.rules import RULES
from spantail_service.services import services_of
from spantail_service.web.openapi import answers
from spantail_service.web.schemas.notices import NoticeRule, Notices, RuleChange

if TYPE_CHECKING:
    from spantail_service.notices.rules import Rule
    from spantail_service.notices.store import Delivery

router = APIRouter(tags=["notices"])

_NO_STORE = {"cache-control": "no-store"}


@router.get("/api/notices", summary="Rules, and the latest notices", responses=answers(Notices))
async def read_notices(request: Request) -> Response:
    """Answers `{rules, recent}`: every rule with how its notices are delivered, and the latest hundred notices."""
    services = services_of(request)
    rules, deliveries = await services.notices.rules(), await services.notices.deliveries()
    webhook = services.webhook_shown
    recent = [
        {
            "id": notice.id,
            "rule": notice.rule,
            "time": notice.time,
            "title": notice.title,
            "detail": notice.detail,
            "run_id": notice.run_id,
            "state": notice.state,
        }
        for notice in await services.notices.recent()
    ]
    body = {"rules": [_shown(rule, deliveries[kind], webhook) for kind, rule in rules.items()], "recent": recent}
    return Response(orjson.dumps(body), media_type="application/json", headers=_NO_STORE)


@router.put("/api/notices/{rule_id}", summary="Change a rule", responses=answers(NoticeRule, 400, 404, 413, 422))
async def change_rule(
    request: Request,
    rule_id: Annotated[str, Path(description="The rule, by its kind.", max_length=100)],
    change: RuleChange,
) -> Response:
    """Answers the rule. What is left out stays as it is. A rule without a threshold or a window takes none: 400."""
    services = services_of(request)
    kind = next((kind for kind in RULES if kind == rule_id), None)
    if kind is None:
        raise NotFoundError("There is no rule of this id.", kind="unknown-rule")
    try:
        rule = await services.notices.change(kind, change.model_dump(exclude_none=True))
    except ValueError as error:
        raise InputRefusedError(f"The rule cannot be set so: {error}.", kind="rule-out-of-range") from None
    deliveries = await services.notices.deliveries()
    body = orjson.dumps(_shown(rule, deliveries[kind], services.webhook_shown))
    return Response(body, media_type="application/json", headers=_NO_STORE)


def _shown(rule: Rule, delivery: Delivery, webhook: str | None) -> dict[str, Any]:
    return {
        "id": rule.kind,
        "kind": rule.kind,
        "enabled": rule.enabled,
        "threshold": rule.threshold,
        "window_s": rule.window_s,
        "webhook": webhook,
        "last_sent": delivery.last_sent,
        "last_error": delivery.last_error,
        "pending": delivery.pending,
        "dead": delivery.dead,
    }
