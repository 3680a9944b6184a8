"""`/api/budgets`: what operations spend is held to run, session, operation and day, also when a limit changes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.contract.jobs.test_operations import SEARCH, Gate, demo_app
from tests.integration.service.harness import poll_to_the_end, running_app
from tests.support.waiting import eventually_async


async def _budgets(client: Any) -> dict[str, dict[str, Any]]:
    answer = (await client.get("/api/budgets")).json()
    return {budget["scope"]: budget for budget in answer["budgets"]}


def _day() -> str:
    return f"day:{datetime.now(UTC).date().isoformat()}:demo"


async def test_what_a_run_spent_stands_in_all_its_budgets(redis_url: str) -> None:
    async with demo_app(redis_url, budget_day_usd=50) as client:
        before = _day()
        started = await client.post("/api/operations/job-search?session_id=monday", json=SEARCH)
        run_id = started.json()["run_id"]
        await poll_to_the_end(client, run_id)
        run = (await client.get(f"/api/runs/{run_id}")).json()
        budgets = await _budgets(client)
        defaults = (await client.get("/api/budgets")).json()["defaults"]
    assert run["status"] == "completed"
    assert run["cost_nano"] > 0
    day = before if before in budgets else _day()
    assert set(budgets) == {f"run:{run_id}", "session:monday", "operation:job-search:demo", day}
    assert {budget["spent_nano"] for budget in budgets.values()} == {run["cost_nano"]}
    assert {(budget["reserved_nano"], budget["held"]) for budget in budgets.values()} == {(0, 0)}
    assert budgets[day]["limit_usd"] == 50.0
    assert budgets[f"run:{run_id}"]["limit_usd"] is None
    assert defaults == {"run": None, "session": None, "operation": None, "day": 50.0}


@pytest.mark.parametrize("way", ["at the start", "by a setting", "by the API"])
async def test_a_run_without_budget_fails_and_says_why(redis_url: str, way: str) -> None:
    settings: dict[str, Any] = {"budget_run_usd": 0.000001} if way == "by a setting" else {}
    async with demo_app(redis_url, **settings) as client:
        if way == "by the API":
            answer = await client.put("/api/budgets/operation:job-search:demo", json={"limit_usd": 0.000001})
            assert answer.json()["limit_nano"] == 1_000
        query = "?budget_usd=0.000001" if way == "at the start" else ""
        run_id = (await client.post(f"/api/operations/job-search{query}", json=SEARCH)).json()["run_id"]
        await poll_to_the_end(client, run_id)
        run = (await client.get(f"/api/runs/{run_id}")).json()
        spans = (await client.get(f"/api/traces/{run_id}")).json()["spans"]
        budgets = await _budgets(client)
    assert run["status"] == "failed"
    (root,) = (span for span in spans if span["parent_id"] is None)
    assert root["error"]["type"].endswith("BudgetExceededError")
    assert "is met" in root["error"]["message"]
    assert {budget["spent_nano"] for budget in budgets.values()} <= {0}
    if way == "at the start":  # it is listed before anything was spent on it
        assert budgets[f"run:{run_id}"]["limit_nano"] == 1_000
    stopped = [span for span in spans if span["kind"] == "llm_call"]
    assert stopped
    assert {span["status"] for span in stopped} == {"skipped"}
    assert any("is met" in span["attributes"]["spantail.reason"] for span in stopped)


async def test_a_limit_that_is_set_while_a_run_goes_on_holds_for_its_next_call(redis_url: str) -> None:
    gate = Gate()
    async with demo_app(redis_url, gate) as client:
        run_id = (await client.post("/api/operations/job-search", json=SEARCH)).json()["run_id"]
        await eventually_async(lambda: gate.waiting)
        await client.put(f"/api/budgets/run:{run_id}", json={"limit_usd": 0})
        gate.open.set()
        await poll_to_the_end(client, run_id)
        assert (await client.get(f"/api/runs/{run_id}")).json()["status"] == "failed"
        again = (await client.put(f"/api/budgets/run:{run_id}", json={"limit_usd": None})).json()
    assert again["limit_usd"] is None


async def test_a_limit_of_its_own_can_be_taken_back(redis_url: str) -> None:
    async with running_app(redis_url, budget_session_usd=3) as client:
        assert (await client.put("/api/budgets/session:s", json={"limit_usd": 1.5})).json()["limit_usd"] == 1.5
        assert (await _budgets(client))["session:s"]["limit_nano"] == 1_500_000_000
        assert (await client.put("/api/budgets/session:s", json={"limit_usd": None})).json()["limit_usd"] == 3.0
        for wrong in (True, "5"):  # not an amount, though Python would read one
            assert (await client.put("/api/budgets/session:s", json={"limit_usd": wrong})).status_code == 422
