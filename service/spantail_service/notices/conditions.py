"""What the rules are about: each function reads how things are, and returns what there is to say of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from spantail.budgets.errors import in_usd
from spantail_service.runs.filter import RunFilter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.jobs.queue.job_queue import JobQueue
    from spantail_service.llm.budget import BudgetLedger
    from spantail_service.notices.failed_runs import FailedRuns
    from spantail_service.notices.rules import Rule
    from spantail_service.notices.spend_window import SpendWindow
    from spantail_service.runs.index import RunIndex

_RUNS_LOOKED_AT: Final = 100
_LEAST_CALLS: Final = 20  # of fewer calls a share says nothing
_HEADS: Final = 3
_S: Final = 1_000_000  # microseconds
_ALL: Final = ""  # what a finding is about that is about everything


class Finding(NamedTuple):
    """Something that a rule is about."""

    about: str
    """What it is about: of the same there is one notice, or one in each window of a rule that has one."""
    title: str
    detail: str
    run_id: str | None = None


class Conditions:
    """Looks for what the rules are about. Every method raises redis-py's errors when Redis is away.

    Args:
        runs: The list of runs.
        failed: Which of them have failed since the last look.
        ledger: The budgets.
        queue: The job queue.
        spend: What was spent within a window.
    """

    def __init__(
        self, runs: RunIndex, failed: FailedRuns, ledger: BudgetLedger, queue: JobQueue, spend: SpendWindow
    ) -> None:
        self._runs = runs
        self._failed = failed
        self._ledger = ledger
        self._queue = queue
        self._spend = spend

    async def findings(self, rule: Rule, now_us: int) -> list[Finding]:
        """What there is to say by one rule."""
        match rule.kind:
            case "run_failed":
                return await self._failed_runs(now_us)
            case "budget_met":
                return await self._met_budgets(rule.threshold or 1.0)
            case "spend_above":
                return await self._high_spend(rule.threshold or 0.0, rule.window_s or 0, now_us)
            case "fallback_rate":
                return await self._fallbacks(rule.threshold or 1.0, rule.window_s or 0, now_us)
            case "queue_stuck":
                return await self._stuck_queue(rule.threshold or 0.0, now_us)

    async def taken(self, rule: Rule) -> None:
        """All findings of the last look by this rule were taken in; before that they are found again."""
        if rule.kind == "run_failed":
            await self._failed.taken()

    async def _failed_runs(self, now_us: int) -> list[Finding]:
        return [
            Finding(
                run["run_id"],
                f"Run failed: {run['name']}",
                f"{run['errors']} of {run['spans']} spans ended in error, {_spent_of(run)}.",
                run["run_id"],
            )
            for run in await self._failed.found(now_us)
        ]

    async def _met_budgets(self, share: float) -> list[Finding]:
        found = []
        for state in await self._ledger.listed():
            if state.limit_nano is None:
                continue
            is_near = state.spent_nano > 0 and state.spent_nano >= share * state.limit_nano
            if not is_near and not state.refused:
                continue
            is_met = state.refused or state.spent_nano >= state.limit_nano
            kind, _, name = state.scope.partition(":")
            found.append(
                Finding(
                    f"{state.scope}:{state.limit_nano}",
                    f"Budget {'met' if is_met else 'nearly met'}: {state.scope}",
                    f"{in_usd(state.spent_nano)} of {in_usd(state.limit_nano)} spent, {in_usd(state.reserved_nano)} "
                    f"reserved{', and a call was refused' if state.refused else ''}.",
                    name if kind == "run" else None,
                )
            )
        return found

    async def _high_spend(self, limit_usd: float, window_s: int, now_us: int) -> list[Finding]:
        nano = await self._spend.within(window_s, now_us)
        if nano is None or nano <= limit_usd * 1e9:
            return []
        detail = f"{in_usd(nano)} were spent within {_span_of(window_s)}, more than {limit_usd:g} USD."
        return [Finding(_ALL, f"Spend above {limit_usd:g} USD", detail)]

    async def _fallbacks(self, share: float, window_s: int, now_us: int) -> list[Finding]:
        wanted = RunFilter(started_from=now_us - window_s * _S)
        page = await self._runs.page(None, _RUNS_LOOKED_AT, wanted)
        runs = [run for run in page.runs if not run["imported"]]
        calls = sum(totals["calls"] for run in runs for totals in run["backends"].values())
        fallbacks = _from_failing(runs)
        if calls < _LEAST_CALLS or fallbacks < share * calls:
            return []
        detail = f"{fallbacks} of {calls} LLM calls within {_span_of(window_s)} fell back to another backend."
        return [Finding(_ALL, f"Many fallbacks: {fallbacks / calls:.0%} of calls", detail)]

    async def _stuck_queue(self, limit_s: float, now_us: int) -> list[Finding]:
        overview = await self._queue.overview(_HEADS)
        since = [item.available or item.queued or item.enqueued for item in overview.items if item.status == "pending"]
        if not since or now_us - min(since) < limit_s * _S:
            return []
        waited_s = (now_us - min(since)) // _S
        detail = f"{overview.pending} items wait, the first one for {_span_of(waited_s)}; {overview.running} run."
        return [Finding(_ALL, "The queue is stuck", detail)]


def _from_failing(runs: list[dict[str, Any]]) -> int:
    """Count the fallbacks from backends that failed: also those without a try, for a failure has opened the circuit.

    A backend that never failed, because it is not installed, counts nothing.
    """
    failed, untried = Counter[str](), Counter[str]()
    for run in runs:
        for backend, totals in run["backends"].items():
            failed[backend] += totals["fallbacks"]
            untried[backend] += totals["expected_fallbacks"]
    return sum(count + untried[backend] for backend, count in failed.items() if count)


def _spent_of(run: Mapping[str, Any]) -> str:
    """What a run has spent; calls without a price are said, since nothing is known of them."""
    unpriced = run["unpriced"]
    if not unpriced:
        return f"{in_usd(run['cost_nano'])} spent"
    return f"{in_usd(run['cost_nano'])} spent and {unpriced} call{'s' * (unpriced != 1)} without a price"


def _span_of(seconds: int) -> str:
    for name, length_s in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= length_s:
            count = round(seconds / length_s)
            return f"{count} {name}{'s' * (count != 1)}"
    return f"{seconds} seconds"
