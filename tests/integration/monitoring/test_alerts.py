"""An alert of the real service goes through a real Prometheus and a real Alertmanager to a webhook."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest
from redis.asyncio import Redis

from spantail_service.llm.budget import BudgetLedger, scope_of
from spantail_service.llm.budget.ledger import Reservation
from tests.integration.service.harness import RUN
from tests.support import tools
from tests.support.programs.alertmanagers import running_alertmanager
from tests.support.programs.prometheuses import running_prometheus
from tests.support.programs.webhook_receiver import webhook_receiver
from tests.support.service.process import running_service
from tests.support.waiting import eventually, eventually_async

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.programs.webhook_receiver import Received

pytestmark = pytest.mark.xdist_group("monitoring")

FOLDER = tools.ROOT / "deploy" / "prometheus"
RULES = [FOLDER / "recording.yml", FOLDER / "alerts.yml"]


async def test_a_budget_that_is_spent_reaches_the_webhook(new_redis_url: str, tmp_path: Path) -> None:
    """… at the address for what wakes somebody, with what is needed to help; and the end of it does too."""
    command = [sys.executable, "-m", "spantail_service", "serve", "--port", "0", "--runners", "0"]
    with (
        webhook_receiver() as webhook,
        running_service(command, tmp_path, {"SPANTAIL_REDIS_URL": new_redis_url}) as service,
        running_alertmanager(_folder(tmp_path, "alertmanager"), _quick(tmp_path, webhook.url)) as alertmanager,
        running_prometheus(
            _folder(tmp_path, "prometheus"),
            scrape={"spantail": service.url.removeprefix("http://").strip("/")},
            rules=RULES,
            alertmanager=alertmanager,
        ) as prometheus,
    ):
        eventually(lambda: prometheus.query('up{job="spantail"} == 1'), 30, what="a scrape of the service")
        assert not prometheus.query('ALERTS{alertstate="firing"}')
        async with Redis.from_url(new_redis_url) as redis:
            ledger = BudgetLedger(redis, {})
            scope = scope_of("operation:search")
            await ledger.reserve(Reservation(RUN, 900_000_000, (scope,)), 30.0)
            await ledger.settle(Reservation(RUN, 900_000_000, (scope,)), 900_000_000)
            await ledger.set_limit(scope, 500_000_000)
            fired = await eventually_async(lambda: _alerts(webhook.received, "firing"), 60, what="the alert")
            await ledger.set_limit(scope, 5_000_000_000)
            ended = await eventually_async(lambda: _alerts(webhook.received, "resolved"), 60, what="the end of it")
    assert {(path, alert["labels"]["alertname"]) for path, alert in fired} == {("/page", "SpantailBudgetMet")}
    _, alert = fired[0]
    assert alert["labels"] == {"alertname": "SpantailBudgetMet", "kind": "operation", "severity": "page"}
    assert alert["annotations"]["description"].startswith("1 budgets of the kind operation")
    assert alert["annotations"]["runbook_url"].endswith("/docs/how-to/runbooks/spend.html#spantailbudgetmet")
    assert {path for path, _ in ended} == {"/page"}


def _folder(where: Path, name: str) -> Path:
    made = where / name
    made.mkdir()
    return made


def _quick(folder: Path, url: str) -> Path:
    """The example's configuration, which sends at once and to the test."""
    text = (FOLDER / "alertmanager.yml").read_text(encoding="utf-8")
    text = re.sub(r"group_wait: \S+", "group_wait: 0s", text)
    text = re.sub(r"group_interval: \S+", "group_interval: 1s", text)
    changed = folder / "alertmanager.yml"
    changed.write_text(text.replace("http://127.0.0.1:5001", url), encoding="utf-8")
    return changed


def _alerts(received: list[Received], status: str) -> list[tuple[str, dict[str, Any]]]:
    """Path and alert of what has arrived with this status."""
    return [
        (one.path, alert)
        for one in list(received)
        for alert in json.loads(one.body)["alerts"]
        if alert["status"] == status
    ]
