"""Limits in USD that are kept: what a call may cost is reserved before it begins, and settled when it has ended."""

from spantail.budgets.budget import Budget, budget
from spantail.budgets.errors import BudgetError, BudgetExceededError, WorstCaseUnknownError
from spantail.budgets.holding import CallHold, ReportedCall, hold_call
from spantail.budgets.reservation import Reservation, reserve
from spantail.budgets.worst_case import most_tokens, worst_case

__all__ = [
    "Budget",
    "BudgetError",
    "BudgetExceededError",
    "CallHold",
    "ReportedCall",
    "Reservation",
    "WorstCaseUnknownError",
    "budget",
    "hold_call",
    "most_tokens",
    "reserve",
    "worst_case",
]
