"""Answers of the service that are seldom given: every state, names as long as they get. They hold to its schemas."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from spantail_service.web.schemas.breakers import Breakers
from spantail_service.web.schemas.budgets import Budgets
from spantail_service.web.schemas.notices import Notices
from spantail_service.web.schemas.queue import Queue, Runners
from tests.integration.service.harness import OTHER_RUN, RUN

if TYPE_CHECKING:
    from pydantic import BaseModel

S: Final = 1_000_000  # µs
LONG: Final = "rank-candidates-of-the-northern-branch-with-every-document-they-have-ever-sent"
_USD: Final = 1_000_000_000
_ERROR: Final = "RateLimitError: 429 Too Many Requests: the organisation is above its limit; retry after 20 s"
_HOST: Final = f"worker-{'x' * 40}"


def _now() -> int:
    return time.time_ns() // 1_000


def queue() -> BaseModel:
    """Items in each of their states."""
    now = _now()
    runner = f"{_HOST}:4242:1"
    earlier = [f"{number:032x}" for number in range(900, 904)]

    def item(number: int, status: str, **more: Any) -> dict[str, Any]:
        known: dict[str, Any] = {
            "id": f"{number:026d}", "operation": "job-search", "title": "job search", "name": f"welder {number}",
            "status": status, "priority": "normal", "position": None, "attempts": 1, "max_attempts": 3,
            "enqueued": now - 90 * S, "available": None, "started": None, "finished": None, "runner": None,
            "run_id": f"{number:032x}", "earlier_runs": [], "cancelling": False, "error": None,
        }  # fmt: skip
        return {**known, **more}

    running = {"runner": runner, "started": now - 42 * S}
    items = [
        item(1, "running", **running, name=LONG),
        item(2, "running", **running, cancelling=True, attempts=3, earlier_runs=earlier),
        *(item(10 + at, "pending", position=at, priority="low" if at else "high", attempts=0) for at in range(3)),
        item(5, "delayed", available=now + 30 * S, error=_ERROR, earlier_runs=earlier[:1]),
        item(6, "failed", finished=now - 60 * S, error=f"{_ERROR}\n{_ERROR}", attempts=3, earlier_runs=earlier[:2]),
        item(7, "succeeded", started=now - 3_700 * S, finished=now - 3_600 * S),
        item(8, "cancelled", finished=now - 86_400 * S),
    ]
    counts = {"pending": 3, "delayed": 1, "running": 2, "failed": 1}
    return Queue.model_validate({"version": 1, "changed": True, "counts": counts, "items": items})


def runners() -> BaseModel:
    """The service, a runner that is busy, one that drains, and one that has fallen silent."""
    now = _now()

    def runner(pid: int, **more: Any) -> dict[str, Any]:
        known: dict[str, Any] = {
            "id": f"{_HOST}:{pid}:1", "host": _HOST, "pid": pid, "kind": "runner", "version": "0.1.0",
            "started": now - 7_200 * S, "last_seen": now, "alive": True, "draining": False, "concurrency": 4,
            "running": [], "load": (0.5, 1.25, 12.0),
        }  # fmt: skip
        return {**known, **more}

    work = [{"run_id": f"{at:032x}", "operation": LONG, "item_id": None, "since": now - 42 * S} for at in (1, 2)]
    service = runner(1, kind="service", concurrency=0)
    silent = runner(4244, alive=False, last_seen=now - 90 * S)
    return Runners.model_validate(
        {"runners": [service, runner(4242, running=work), runner(4243, draining=True, running=work[:1]), silent]}
    )


def budgets() -> BaseModel:
    """Of every kind, with a limit and without, met and passed."""

    def budget(scope: str, limit: int | None, spent: int, reserved: int = 0) -> dict[str, Any]:
        nano = {"limit_nano": limit, "spent_nano": spent, "reserved_nano": reserved}
        usd = {name.replace("nano", "usd"): value and value / _USD for name, value in nano.items()}
        return {"scope": scope, "held": 2 if reserved else 0, **nano, **usd}

    return Budgets.model_validate(
        {
            "budgets": [
                budget("day:2026-11-30", 5 * _USD, 3 * _USD, _USD // 2),
                budget("day:2026-11-29", 5 * _USD, 5 * _USD),
                budget("day:2026-11-28:demo", None, 12_345 * _USD),
                budget(f"operation:{LONG}", _USD, 3 * _USD),
                budget("session:ticket 4711/ä", _USD // 100, _USD // 1_000),
                budget(f"run:{RUN}", _USD // 2, 0, _USD // 2),
            ],
            "defaults": {"day": 5.0, "run": 0.5, "session": None, "operation": None},
        }
    )


def breakers() -> BaseModel:
    """A circuit in each of its states."""
    now = _now()

    def breaker(backend: str, model: str, state: str, **more: Any) -> dict[str, Any]:
        known: dict[str, Any] = {"failures": 0, "reason": None, "opened": None, "until": None, "missing_on": []}
        return {"backend": backend, "model": model, "state": state, **known, **more}

    down: dict[str, Any] = {"failures": 5, "opened": now - 60 * S}
    return Breakers.model_validate(
        {
            "breakers": [
                breaker("claude_cli", "claude-sonnet-4-5", "open", **down, reason="rate_limited", until=now + 90 * S),
                breaker("claude_cli", "claude-opus-4-1", "open", **down, reason="timeout", until=now - S),
                breaker("langchain", "gpt-4o-mini", "half_open", **down, reason="server_error"),
                breaker("openrouter", "a-company/a-model-with-more-than-forty-letters:free", "closed", failures=2),
                breaker("openai", "gpt-5", "closed", missing_on=["worker-1", "worker-2"], reason="not_installed"),
                breaker("anthropic", "claude-haiku-4-5", "closed"),
            ]
        }
    )


def notices() -> BaseModel:
    """Rules whose webhook fails, and notices in each of their states."""
    now = _now()

    def rule(kind: str, **more: Any) -> dict[str, Any]:
        known: dict[str, Any] = {
            "id": kind, "kind": kind, "enabled": True, "threshold": None, "window_s": None, "pending": 0, "dead": 0,
            "webhook": "https://hooks.example.com/…", "last_sent": None, "last_error": None,
        }  # fmt: skip
        return {**known, **more}

    def notice(age: int, state: str, title: str, kind: str, **more: Any) -> dict[str, Any]:
        known: dict[str, Any] = {
            "id": str(age),
            "rule": kind,
            "time": now - age * 600 * S,
            "title": title,
            "state": state,
        }
        return {**known, "detail": "", "run_id": None, **more}

    return Notices.model_validate(
        {
            "rules": [
                rule("run_failed", last_sent=now - 60 * S, pending=3, dead=12, last_error="503 Service Unavailable"),
                rule("budget_met", threshold=1.0, dead=1, last_error="the host's certificate has expired"),
                rule("spend_above", enabled=False, threshold=10.0, window_s=86_400),
                rule("fallback_rate", threshold=0.5, window_s=3_600, last_sent=now - 86_400 * S),
                rule("queue_stuck", threshold=300.0, window_s=3_600, pending=1),
            ],
            "recent": [
                notice(0, "pending", "job search failed", "run_failed", run_id=RUN, detail=_ERROR),
                notice(1, "sent", "nightly was abandoned", "run_failed", run_id=OTHER_RUN),
                notice(2, "dead", f"operation {LONG} has met its limit", "budget_met", detail="$3.00 of $1.00"),
                notice(300, "unsent", "The queue is stuck", "queue_stuck", detail="12 items wait since 6 min"),
            ],
        }
    )
