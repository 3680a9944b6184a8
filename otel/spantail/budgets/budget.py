"""A limit in USD for all LLM calls inside it, for `with`, `async with` and as decorator."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar, cast

from opentelemetry import context as otel_context

from spantail import pricing
from spantail.budgets.accounts import Account
from spantail.budgets.in_force import entered, in_force, leave
from spantail.scopes.decoration import decorate

if TYPE_CHECKING:
    from decimal import Decimal
    from types import TracebackType

    from opentelemetry.context import Context

    from spantail.budgets.worst_case import TokenCounter

F = TypeVar("F", bound=Callable[..., Any])
UnknownCalls = Literal["refuse", "allow"]


class Budget:
    """A limit in USD; `budget()` makes it.

    As a context manager it may be entered again and again, by several threads and tasks at once: all of them share the
    one limit. As a decorator it gives each call of the function a budget of its own.

    Args:
        limit_nano: The limit, in nano-USD.
        name: Its name, for messages; None in a decorator stands for the function's qualified name.
        unpriced: What becomes of calls of which nobody knows what they cost at most.
        count_tokens: Counts the tokens of a prompt.
    """

    def __init__(
        self, limit_nano: int, name: str | None, unpriced: UnknownCalls, count_tokens: TokenCounter | None
    ) -> None:
        self._name = name
        self.account = Account(name or "budget", limit_nano)
        self.unpriced: UnknownCalls = unpriced
        self.count_tokens = count_tokens

    @property
    def name(self) -> str:
        """Its name."""
        return self.account.name

    @property
    def limit_usd(self) -> float:
        """The limit, in USD."""
        return pricing.usd_of_nano(self.account.limit_nano)

    @property
    def spent_usd(self) -> float:
        """What the calls that are over came to, in USD."""
        return pricing.usd_of_nano(self.account.spent_nano)

    @property
    def reserved_usd(self) -> float:
        """What the calls that run may cost at most, in USD."""
        return pricing.usd_of_nano(self.account.reserved_nano)

    def begin(self) -> Context:
        """Return a context in which the budget is in force; for adapters that attach it themselves."""
        return entered(self)

    def finish(self, error: BaseException | None = None) -> None:
        """Do nothing: there is no span to end. Calls that still run are booked when they end."""

    def is_current(self) -> bool:
        """Tell whether the budget is in force here."""
        return any(opened is self for opened in in_force())

    def __enter__(self) -> Self:
        otel_context.attach(self.begin())
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None:
        leave(self)

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None, /
    ) -> None:
        leave(self)

    def __call__(self, function: F) -> F:
        """Decorate a function, coroutine function, generator function or asynchronous generator function."""
        if isinstance(function, staticmethod | classmethod):
            return cast("F", type(function)(self(function.__func__)))
        name = self._name or getattr(function, "__qualname__", None) or type(function).__qualname__
        return cast("F", decorate(function, lambda: self._fresh(name)))

    def _fresh(self, name: str) -> Budget:
        return Budget(self.account.limit_nano, name, self.unpriced, self.count_tokens)


def budget(
    *,
    usd: float | Decimal,
    name: str | None = None,
    unpriced: UnknownCalls = "refuse",
    count_tokens: TokenCounter | None = None,
) -> Budget:
    """Limit what the LLM calls inside may cost.

    Before an `llm_call` inside begins, its worst case is reserved: the tokens of its `prompt`, its `max_tokens`, and
    the price table. When it has ended, what it cost takes the place of that. What does not fit beside all that is spent
    and reserved is refused with `BudgetExceededError` before anything is sent, so calls at the same time, of threads
    and of tasks, never exceed the limit by more than the error of a price or of a token count. Where budgets stand
    inside each other, each of them holds. Nothing here reaches Redis or the network: the limit holds in this process.

    A thread is held to a budget where it was started with the context (`contextvars.copy_context().run`), as for spans.

    Args:
        usd: The limit, in US dollars.
        name: A name, for messages and attributes.
        unpriced: What becomes of a call of which nobody knows what it costs at most, because its model has no known
            price or `llm_call` was not given `max_tokens` and the prompt: `refuse` it with `WorstCaseUnknownError`, or
            `allow` it as long as anything is left.
        count_tokens: Counts the tokens of a prompt, as `count_tokens(model, prompt)`, and not too few. Without it, each
            byte of the prompt counts as a token, which is never too low and mostly some four times too high.

    Returns:
        The budget, for `with`, `async with` or as a decorator, where each call of the function has one of its own.

    Raises:
        ValueError: The limit is not an amount of money, or `unpriced` is neither of its two values.
    """
    limit_nano = pricing.nano_usd(usd)
    if limit_nano is None:
        raise ValueError(f"usd must be an amount in US dollars, from 0 to below a million, not {usd!r}")
    if unpriced not in {"refuse", "allow"}:
        raise ValueError(f"unpriced must be 'refuse' or 'allow', not {unpriced!r}")
    pricing.preload()  # takes some 400 ms, which the first call would else wait for
    return Budget(limit_nano, name, unpriced, count_tokens)
