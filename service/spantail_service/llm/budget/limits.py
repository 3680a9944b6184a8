"""What the chain asks before each attempt: reserves its worst case in the ledger, and books what it came to."""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, Literal, Self

from spantail.budgets import BudgetError, WorstCaseUnknownError, worst_case
from spantail.budgets.shown import operation_span, show_budget
from spantail_exporters.redis.errors import REDIS_UNREACHABLE, will_be_back
from spantail_service.llm.base import BudgetRefusedError
from spantail_service.llm.budget.booking import Booking
from spantail_service.llm.budget.ledger import BudgetLedger, BudgetState, Met, Reservation, Unknown
from spantail_service.llm.budget.renewal import Renewal
from spantail_service.llm.budget.scopes import scopes_here, spending
from spantail_service.llm.prompt_size import most_input_tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from opentelemetry.trace import Span

    from spantail_service.llm.base import Message
    from spantail_service.llm.budget.scopes import Scope
    from spantail_service.settings import BudgetSettings

logger = logging.getLogger(__name__)

LEASE_S: Final = 30.0
RENEW_S: Final = 5.0
STOP_S: Final = 1.0
"""Seconds between two renewals where calls are stopped at a limit: so late may they be stopped."""

_TRY_AGAIN_S: Final = (0.1, 0.4, 1.0, 2.0)
"""How often, and after how many seconds, a reservation is tried again while Redis is away."""


class BudgetHold:
    """What is reserved for one attempt."""

    def __init__(self, reserved: Reservation) -> None:
        self.reserved = reserved
        self.cost_nano: int | None = None

    def settle(self, cost_nano: int | None) -> None:
        """Say what the attempt came to, in nano-USD; None where nobody knows: then all that was reserved counts."""
        self.cost_nano = cost_nano


class BudgetLimits:
    """Holds LLM attempts to the budgets of their run (`scopes.spending`). For many tasks of one event loop.

    Args:
        ledger: Where the budgets are kept.
        unpriced: What becomes of a call of which nobody knows what it may cost, where a budget has a limit.
        at_limit: What becomes of calls that run when a limit is met: they `finish`, or are told to `stop`.
        demo: All work of this process is demo work, which has budgets of its own.
        lease_s: Seconds after which a reservation is free again where nobody renews it.
        renew_s: Seconds between two renewals; None is 5, or 1 where calls are stopped.
    """

    def __init__(
        self,
        ledger: BudgetLedger,
        *,
        unpriced: Literal["refuse", "allow"] = "refuse",
        at_limit: Literal["finish", "stop"] = "finish",
        demo: bool = False,
        lease_s: float = LEASE_S,
        renew_s: float | None = None,
    ) -> None:
        self._ledger = ledger
        self._unpriced: Unknown = unpriced
        self._stops = at_limit == "stop"
        self._demo = demo
        self._lease_s = lease_s
        self._renew_s = renew_s or (STOP_S if self._stops else RENEW_S)
        self._booking = Booking(ledger)
        self._has_limits = any(limit is not None for limit in ledger.defaults_nano.values())

    @classmethod
    def from_settings(cls, settings: BudgetSettings, ledger: BudgetLedger, *, demo: bool) -> Self:
        """What the settings ask for."""
        return cls(ledger, unpriced=settings.budget_unpriced, at_limit=settings.budget_at_limit, demo=demo)

    async def close(self, timeout_s: float = 5.0) -> None:
        """Wait until what calls came to is booked, at most `timeout_s` seconds."""
        await self._booking.close(timeout_s)

    @asynccontextmanager
    async def of_run(
        self, run_id: str, operation: str, *, session_id: str | None = None, limit_usd: float | None = None
    ) -> AsyncIterator[None]:
        """Have the calls inside spend on the account of a run.

        Args:
            run_id: The run.
            operation: The operation's name.
            session_id: The session that it belongs to, if any.
            limit_usd: What this run may spend, in USD; None as the settings say.

        Raises:
            ValueError: `limit_usd` is no amount of money.
        """
        with spending(
            run_id=run_id, operation=operation, session_id=session_id, demo=self._demo, budget_usd=limit_usd
        ) as account:
            run = account.scopes()[0]
            if run.limit_nano is not None:
                with suppress(*REDIS_UNREACHABLE):  # the first call says it again
                    await self._ledger.set_limit(run, run.limit_nano)
            yield

    @asynccontextmanager
    async def hold(
        self, *, backend: str, provider: str, model: str, messages: Sequence[Message], max_tokens: int
    ) -> AsyncIterator[BudgetHold]:
        """Reserve the worst case of one attempt in every budget that holds here.

        Entering raises:
            BudgetRefusedError: A budget does not allow it, or Redis is away and there is a limit.
        """
        nano, unknown, why = self._worst_case(backend, provider, model, messages, max_tokens)
        scopes = scopes_here(demo=self._demo)
        span = operation_span()
        hold = BudgetHold(Reservation(uuid.uuid4().hex, nano, scopes))
        await self._reserve(hold.reserved, unknown, why, span)
        try:
            async with Renewal(
                self._ledger, hold.reserved, lease_s=self._lease_s, renew_s=self._renew_s, stops=self._stops
            ):
                yield hold
        finally:
            cost_nano = hold.reserved.nano if hold.cost_nano is None else hold.cost_nano
            await self._booking.book(hold.reserved, cost_nano)
            await self._show_after(hold.reserved.scopes, span)

    def _worst_case(
        self, backend: str, provider: str, model: str, messages: Sequence[Message], max_tokens: int
    ) -> tuple[int, Unknown, str]:
        tokens = most_input_tokens(backend, messages)
        try:
            nano = worst_case(model=model, provider=provider, input_tokens=tokens, max_tokens=max_tokens)
        except WorstCaseUnknownError as error:
            return 0, self._unpriced, str(error)
        return nano, "known", ""

    async def _reserve(self, wanted: Reservation, unknown: Unknown, why_unknown: str, span: Span | None) -> None:
        try:
            answer = await self._asked(wanted, unknown)
        except REDIS_UNREACHABLE as error:
            if self._has_limits or wanted.scopes[0].limit_nano is not None:
                raise BudgetRefusedError(
                    BudgetError("the budgets could not be checked, Redis cannot be reached")
                ) from error
            # nobody has set a limit: what it costs is booked when Redis is back
            logger.warning("a call is not held to any budget, Redis cannot be reached: %r", error)
            return
        except asyncio.CancelledError:
            self._booking.book_later(wanted, 0)  # it may have been made
            raise
        if isinstance(answer, Met):
            self._has_limits = True
            raise BudgetRefusedError(_refusal(answer, wanted.nano, why_unknown))
        self._show(answer, span)

    async def _asked(self, wanted: Reservation, unknown: Unknown) -> list[BudgetState] | Met:
        for wait_s in (*_TRY_AGAIN_S, None):
            try:
                return await self._ledger.reserve(wanted, self._lease_s, unknown)
            except REDIS_UNREACHABLE as error:
                if wait_s is None or not self._has_limits or not will_be_back(error):
                    raise
                await asyncio.sleep(wait_s)
        raise AssertionError

    async def _show_after(self, scopes: Sequence[Scope], span: Span | None) -> None:
        if span is not None and span.is_recording() and self._has_limits:
            with suppress(*REDIS_UNREACHABLE):
                self._show(await self._ledger.read(scopes), span)

    def _show(self, states: Sequence[BudgetState], span: Span | None) -> None:
        limited = [state for state in states if state.limit_nano is not None]
        if limited:
            self._has_limits = True
            tightest = min(limited, key=_left_nano)
            show_budget(
                span,
                name=tightest.scope,
                limit_nano=tightest.limit_nano or 0,
                spent_nano=tightest.spent_nano,
                reserved_nano=tightest.reserved_nano,
            )


def _left_nano(state: BudgetState) -> int:
    return (state.limit_nano or 0) - state.spent_nano - state.reserved_nano


def _refusal(met: Met, wanted_nano: int, why_unknown: str) -> BudgetError:
    if met.state is None:
        return WorstCaseUnknownError(f"{why_unknown}, and the budget {met.scope!r} has a limit")
    return met.state.exceeded(wanted_nano)
