"""Budgets of runs, sessions, operations and days, kept in Redis for all processes together."""

from spantail_service.llm.budget.ledger import BudgetLedger, BudgetState
from spantail_service.llm.budget.limits import BudgetLimits
from spantail_service.llm.budget.scopes import Scope, scope_of, spending

__all__ = ["BudgetLedger", "BudgetLimits", "BudgetState", "Scope", "scope_of", "spending"]
