"""What stands before an attempt and is told its outcome: the circuit breaker and the budgets.

The chain knows them by these protocols alone. Without them every attempt is let through.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from spantail_service.llm.base import BackendError, Message


class Permit(Protocol):
    """Permission for one attempt, given by a breaker. Where no outcome is reported, it learns nothing."""

    async def succeeded(self) -> None:
        """The backend has answered."""

    async def failed(self, error: BackendError) -> None:
        """It has not."""


class Breaker(Protocol):
    """Spares the backends that are known to fail."""

    def admit(self, backend: str, model: str) -> AbstractAsyncContextManager[Permit]:
        """Permission for one attempt.

        Entering raises:
            BackendError: `circuit_open`, or `not_installed` where that is known from an earlier attempt.
        """


class Hold(Protocol):
    """Money that is reserved for one attempt."""

    def settle(self, cost_nano: int | None) -> None:
        """Say what the attempt came to, once its span has ended; it is booked when the context is left.

        Args:
            cost_nano: In nano-USD; 0 where nothing was asked, None where nobody knows.
        """


class Limits(Protocol):
    """Budgets, asked before each attempt."""

    def hold(
        self, *, backend: str, provider: str, model: str, messages: Sequence[Message], max_tokens: int
    ) -> AbstractAsyncContextManager[Hold]:
        """Reserve the worst case of one attempt.

        Leaving without `settle` is as `settle(None)`.

        Entering raises:
            BudgetRefusedError: A budget does not allow it.
        """


class Unlimited:
    """No budget: every attempt may spend what it does."""

    @asynccontextmanager
    async def hold(
        self, *, backend: str, provider: str, model: str, messages: Sequence[Message], max_tokens: int
    ) -> AsyncIterator[Hold]:
        """Reserves nothing."""
        del backend, provider, model, messages, max_tokens
        yield _Nothing()


class AlwaysClosed:
    """No breaker: its circuit is always closed, every attempt is let through."""

    @asynccontextmanager
    async def admit(self, backend: str, model: str) -> AsyncIterator[Permit]:
        """Admits."""
        del backend, model
        yield _Nothing()


class _Nothing:
    """A permit and a hold that remember nothing."""

    async def succeeded(self) -> None:
        """Nothing is done."""

    async def failed(self, error: BackendError) -> None:
        """Nothing is done."""

    def settle(self, cost_nano: int | None) -> None:
        """Nothing is done."""
