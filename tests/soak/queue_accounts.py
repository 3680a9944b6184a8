"""The accounts of the queue after a soak: what was taken has one end each, and every run has settled."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from typing import TYPE_CHECKING, Any

import redis
from redis.asyncio import Redis as AsyncRedis

from spantail.pricing import nano_usd, usd_of_nano
from spantail_exporters.model import keys
from spantail_service.llm.budget import BudgetLedger, BudgetState
from spantail_service.llm.budget.limits import LEASE_S
from tests.soak.queue_conductor import DAY_USD
from tests.support.runs.live_runs import StoredRun, fold
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from tests.soak.queue_conductor import QueueConductor


class QueueAccounts:
    """What became of everything.

    Attributes:
        ends: Items by their end.
        runs: Runs by their status.
        spent_usd: By day, as the budgets say.
        faults: Each thing that must not be, in words.
    """

    def __init__(self) -> None:
        self.ends: Counter[str] = Counter()
        self.runs: Counter[str] = Counter()
        self.spent_usd: dict[str, float] = {}
        self.faults: list[str] = []

    @property
    def closed(self) -> bool:
        return not self.faults

    def table(self) -> str:
        """For people."""
        lines = [f"items   {dict(self.ends)}", f"runs    {dict(self.runs)}", f"spent   {self.spent_usd}"]
        lines += [f"FAULT   {fault}" for fault in self.faults[:40]]
        return "\n".join([*lines, "the accounts are closed" if self.closed else f"{len(self.faults)} faults"])


def close_queue_accounts(conductor: QueueConductor, max_attempts: int) -> QueueAccounts:
    """Compare what the service said with what Redis holds and what was done to the world."""
    accounts = QueueAccounts()
    effects = Counter(conductor.effects.read_text(encoding="ascii").split() if conductor.effects.exists() else ())
    with redis.Redis.from_url(conductor.redis.url) as client:
        stored: set[str] = {
            key.decode().removeprefix("queue:item:{").removesuffix("}") for key in client.scan_iter("queue:item:*")
        }
        books = conductor.books
        accounts.faults += [f"{name} was taken and is not there" for name in sorted(set(books.taken) - stored)]
        accounts.faults += [f"{name} was never asked for" for name in sorted(stored - books.asked)]
        for name in sorted(stored & set(books.taken)):
            item = _fields(client.hgetall(keys.queue_item(name)))
            accounts.ends[item["status"]] += 1
            _check_item(accounts, conductor, item, effects[name], max_attempts)
            for run_id in [*item.get("runs", "").split(), item["run_id"]]:
                _check_run(accounts, conductor.redis.url, name, run_id)
        accounts.faults += [f"{key} is not empty" for key in ("queue:running", "queue:lease") if client.exists(key)]
    _check_budgets(accounts, conductor)
    return accounts


def _check_budgets(accounts: QueueAccounts, conductor: QueueConductor) -> None:
    """No day's budget was overshot, and nothing stays reserved once the leases of the dead have run out."""
    limit_nano = nano_usd(DAY_USD) or 0

    async def days() -> list[BudgetState]:
        async with AsyncRedis.from_url(conductor.redis.url) as client:
            listed = await BudgetLedger(client, {}).listed()
        return [state for state in listed if state.scope.startswith("day:")]

    with contextlib.suppress(AssertionError):  # what is held then is told below
        eventually(lambda: not any(state.held for state in asyncio.run(days())), 2 * LEASE_S, interval_s=0.5)
    for state in asyncio.run(days()):
        accounts.spent_usd[state.scope] = usd_of_nano(state.spent_nano)
        if state.held or state.reserved_nano:
            accounts.faults.append(
                f"{state.scope}: {state.reserved_nano} nano-USD stay reserved for {state.held} calls"
            )
        if state.spent_nano > limit_nano:
            accounts.faults.append(f"{state.scope}: {state.spent_nano} nano-USD spent of {limit_nano}")
    if conductor.books.most_nano > limit_nano:
        accounts.faults.append(f"{conductor.books.most_nano} nano-USD spent and reserved of {limit_nano}")


def _fields(stored: Any) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in stored.items()}


def _check_item(
    accounts: QueueAccounts, conductor: QueueConductor, item: dict[str, str], effects: int, most: int
) -> None:
    name, status, attempts = item["id"], item["status"], int(item["attempts"])
    operation = conductor.books.taken[name]
    runs = len(item.get("runs", "").split()) + 1
    if status == "succeeded":
        if operation != "soak-step" or effects < 1:
            accounts.faults.append(f"{name} ({operation}) succeeded with {effects} effects")
        if '"name"' not in item.get("result", ""):
            accounts.faults.append(f"{name} succeeded without its result")
    elif status == "failed":
        if operation == "soak-step" and attempts < most:
            accounts.faults.append(f"{name} failed after {attempts} attempts: {item.get('error')}")
        if not item.get("error"):
            accounts.faults.append(f"{name} failed without an error")
    elif status != "cancelled" or name not in conductor.books.cancelled:
        accounts.faults.append(f"{name} is {status}")
    if effects > runs:
        accounts.faults.append(f"{name}: {effects} effects in {runs} runs")


def _check_run(accounts: QueueAccounts, url: str, name: str, run_id: str) -> None:
    run = StoredRun(url, run_id)
    status = run.meta.get("status", "absent")
    accounts.runs[status] += 1
    if "expected" not in run.meta:
        accounts.faults.append(f"run {run_id} of {name} has not settled: {status}")
        return
    still = [span["name"] for span in run.spans.values() if span["status"] == "running"]
    if still or run.meta["open"] != "0":
        accounts.faults.append(f"run {run_id} of {name} has open spans: {still}")
    if run.first == 0 and fold(run.events) != run.spans:
        accounts.faults.append(f"run {run_id} of {name}: the tail does not fold into the snapshot")
