"""How one call keeps to all budgets around it: what is done before the call, and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from spantail.budgets.accounts import Account, Hold, book
from spantail.budgets.billing import is_unbilled
from spantail.budgets.budget import Budget
from spantail.budgets.errors import WorstCaseUnknownError
from spantail.budgets.in_force import in_force
from spantail.budgets.shown import operation_span, show_budget
from spantail.budgets.worst_case import most_tokens, worst_case
from spantail.trouble import report_trouble

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.trace import Span


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
            _show(self._hold.accounts, self._span)
        if self._reserved is not None:
            self._reserved.draw(nano)


class ReportedCall:
    """A call that somebody else makes and reports: it is booked when it has ended, and never refused."""

    __slots__ = ("_accounts", "_reserved", "_span")

    def __init__(self) -> None:
        budgets, self._reserved = budgets_here()
        self._accounts = tuple(budget.account for budget in budgets)
        self._span = operation_span() if budgets else None

    def settle(self, nano: int | None, error: BaseException | None) -> None:
        """Book what the call cost; see `CallHold.settle`. What nobody knows is not booked, as nothing was reserved."""
        if not nano:
            return
        if self._accounts:
            book(self._accounts, nano)
            _show(self._accounts, self._span)
        if self._reserved is not None:
            self._reserved.draw(nano)


def budgets_here() -> tuple[list[Budget], Reserved | None]:
    """Return the budgets that a call has to reserve in, and the reservation by hand that covers all further out."""
    budgets: list[Budget] = []
    for opened in in_force():
        if not isinstance(opened, Budget):
            return budgets, opened
        if opened not in budgets:  # one that was entered again inside of itself
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
        nano = _most(model, provider, input_tokens, max_tokens)
    except WorstCaseUnknownError:
        if any(budget.unpriced == "refuse" for budget in budgets):
            raise
        known = False
    span = operation_span()
    hold = Hold([budget.account for budget in budgets], nano, known=known)
    _show(hold.accounts, span)
    return CallHold(hold, reserved, span)


def _counted(budgets: Sequence[Budget], model: str, prompt: object) -> int | None:
    """Count by the innermost budget that has a tokenizer, by bytes where none has or it fails."""
    for budget in budgets:
        if budget.count_tokens is not None:
            try:
                return budget.count_tokens(model, prompt)
            except Exception:
                report_trouble("the tokens of a prompt could not be counted by the application's function")
    try:
        return most_tokens(prompt)
    except Exception:  # a text or a list of a class of its own
        report_trouble("the bytes of a prompt could not be counted")
        return None


def _most(model: str, provider: str | None, input_tokens: int | None, max_tokens: int | None) -> int:
    try:
        return worst_case(model=model, provider=provider, input_tokens=input_tokens, max_tokens=max_tokens)
    except WorstCaseUnknownError:
        raise
    except Exception:  # what is no number, or no text
        report_trouble("what a call may cost at most could not be worked out from its arguments")
        raise WorstCaseUnknownError("its model or its numbers of tokens are of a wrong type") from None


def _show(accounts: Sequence[Account], span: Span | None) -> None:
    """Show the budget that has the least left."""
    tightest = min(accounts, key=lambda account: account.left_nano)
    show_budget(
        span,
        name=tightest.name,
        limit_nano=tightest.limit_nano,
        spent_nano=tightest.spent_nano,
        reserved_nano=tightest.reserved_nano,
    )
