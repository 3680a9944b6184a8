"""`/api/notices`: the rules, what is set of them, and what a service tells its webhook."""

from __future__ import annotations

import json
from typing import Any

from spantail_exporters.model import keys
from spantail_service.notices.rules import RULES
from tests.contract.jobs.test_operations import SEARCH, demo_app
from tests.integration.service.harness import poll_to_the_end, running_app
from tests.support.programs.webhook_receiver import webhook_receiver
from tests.support.waiting import eventually_async

SECRET = "a secret of at least 24 bytes"


async def test_a_rule_is_changed_and_stays_so(redis_url: str) -> None:
    async with running_app(redis_url) as client:
        before = {rule["id"]: rule for rule in (await client.get("/api/notices")).json()["rules"]}
        changed = await client.put(
            "/api/notices/spend_above", json={"enabled": True, "threshold": 0.5, "window_s": 600}
        )
    async with running_app(redis_url) as client:
        after = {rule["id"]: rule for rule in (await client.get("/api/notices")).json()["rules"]}
    assert set(before) == {"run_failed", "budget_met", "spend_above", "fallback_rate", "queue_stuck"}
    assert after["spend_above"] == changed.json()
    assert (changed.json()["enabled"], changed.json()["threshold"], changed.json()["window_s"]) == (True, 0.5, 600)
    assert after["run_failed"] == before["run_failed"]
    assert after["run_failed"]["webhook"] is None


async def test_a_met_budget_is_told_to_the_webhook(redis_url: str) -> None:
    with webhook_receiver() as receiver:
        settings: dict[str, Any] = {
            "notice_webhook_url": f"{receiver.url}/services/secret-path",
            "notice_webhook_secret": SECRET,
            "notice_allow_private": True,
            "notice_allow_http": True,
        }
        async with demo_app(redis_url, **settings) as client:
            services = client.app.state.services  # type: ignore[attr-defined]

            async def has_looked() -> bool:  # what was so before the first look is no notice
                return bool(await services.redis.zcard(keys.NOTICES_SEEN) >= len(RULES))

            await eventually_async(has_looked)  # type: ignore[arg-type]  # mypy finds no T in a coroutine
            started = await client.post("/api/operations/job-search?budget_usd=0.000001", json=SEARCH)
            run_id = started.json()["run_id"]
            await poll_to_the_end(client, run_id)
            await eventually_async(lambda: len(receiver.received) >= 2, what="run and budget are told")
            answer = await client.get("/api/notices")
    by_type = {json.loads(sent.body)["type"]: json.loads(sent.body)["data"] for sent in receiver.received}
    assert by_type["run_failed"]["run_id"] == by_type["budget_met"]["run_id"] == run_id
    assert {rule["webhook"] for rule in answer.json()["rules"]} == {f"{receiver.url}/…"}
    assert "secret-path" not in answer.text
    assert SECRET not in answer.text
