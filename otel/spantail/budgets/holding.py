"""How one call is held to all budgets around it: the step before it, and the step after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from opentelemetry import trace

from spantail import attributes as keys
from spantail.budgets.accounts import Account, Hold
from spantail.budgets.billing import is_unbilled
from spantail.budgets.budget import Budget
from spantail.budgets.errors import WorstCaseUnknownError
from spantail.budgets.in_force import in_force
from spantail.budgets.worst_case import most_tokens, worst_case
from spantail.pricing import usd_of_nano
from spantail.scopes.use import innermost_use
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import Span

_SHOWN_ON = frozenset({keys.KIND_OPERATION, keys.KIND_PIPELINE})


class Reserved(Protocol):
    """A reservation that was made by hand (`reserve()`); the calls inside draw on it."""

    def draw(self, nano: int | None) -> None:
        """Add what a call cost, in nano-USD; None where nobody knows."""


class CallHold:
    """What is reserved for one call."""

    __slots__ = ("_hold", "_reserved", "_span")

    def __init__(self, hold: Hold | None, reserved: Reserved | None, span: Span | None) -> None:
        self._hold = hold
        self._reserved = reserved
        self._span = span

    def settle(self, nano: int | None, error: BaseException | None) -> None:
        """Book what the call cost. Never raises.

        Args:
            nano: In nano-USD; None where nobody knows: then it counts with all that was reserved for it, unless
                nothing can have been billed.
            error: What ended the call.
        """
        if nano is None and is_unbilled(error):
            nano = 0
        if self._hold is not None:
            self._hold.settle(nano)
            show(self._hold.accounts, self._span)
        if self._reserved is not None:
            self._reserved.draw(nano)


def budgets_here() -> tuple[list[Budget], Reserved | None]:
    """Return the budgets that a call has to reserve in, and the reservation by hand that covers all further out."""
    budgets: list[Budget] = []
    for opened in in_force():
        if not isinstance(opened, Budget):
            return budgets, opened
        budgets.append(opened)
    return budgets, None


def hold_call(
    *, model: str, provider: str | None, prompt: object, input_tokens: int | None, max_tokens: int | None
) -> CallHold | None:
    """Reserve what a call may cost, in every budget that is in force here.

    Args:
        model: The model asked for.
        provider: Whose it is.
        prompt: What is sent; None where only `input_tokens` says how much that is.
        input_tokens: Most tokens of the prompt, where the caller knows.
        max_tokens: Most tokens of the answer.

    Returns:
        What is to be settled when the call has ended; None where no budget is in force.

    Raises:
        BudgetExceededError: A budget has too little left.
        WorstCaseUnknownError: Nobody knows what it may cost, and a budget refuses such calls.
    """
    budgets, reserved = budgets_here()
    if not budgets:
        return None if reserved is None else CallHold(None, reserved, None)
    nano, known = 0, True
    try:
        if input_tokens is None and prompt is not None:
            input_tokens = _counted(budgets, model, prompt)
        nano = worst_case(model=model, provider=provider, input_tokens=input_tokens, max_tokens=max_tokens)
    except WorstCaseUnknownError:
        if any(budget.unpriced == "refuse" for budget in budgets):
            raise
        known = False
    span = _shown_on()
    hold = Hold([budget.account for budget in budgets], nano, known=known)
    show(hold.accounts, span)
    return CallHold(hold, reserved, span)


def _counted(budgets: Sequence[Budget], model: str, prompt: object) -> int | None:
    """Count by the innermost budget that has a tokenizer, by bytes where none has or it fails."""
    for budget in budgets:
        if budget.count_tokens is not None:
            try:
                return budget.count_tokens(model, prompt)
            except Exception:
                report_trouble("the tokens of a prompt could not be counted by the application's function")
    return most_tokens(prompt)


def _shown_on() -> Span | None:
    """Return the span of the operation or pipeline around."""
    found = innermost_use(lambda scope: scope._kind in _SHOWN_ON)
    if found is not None:
        span: Span = found[0].span
        return span
    current = trace.get_current_span()
    return current if current.is_recording() else None


def show(accounts: Sequence[Account], span: Span | None) -> None:
    """Write how the budget with the least left stands, as attributes. Never raises."""
    if span is None or not accounts or not span.is_recording():
        return
    tightest = min(accounts, key=lambda account: account.left_nano)
    try:
        span.set_attributes(
            {
                keys.BUDGET_NAME: tightest.name,
                keys.BUDGET_LIMIT_USD: usd_of_nano(tightest.limit_nano),
                keys.BUDGET_SPENT_USD: usd_of_nano(tightest.spent_nano),
                keys.BUDGET_RESERVED_USD: usd_of_nano(tightest.reserved_nano),
            }
        )
    except Exception:
        report_trouble("the state of a budget could not be written")
