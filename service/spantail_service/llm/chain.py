"""Ordered fallback: asks one backend after the other until one gives a usable answer."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from spantail import LlmGroup, llm_group, phase
from spantail.attributes import PROGRESS_MESSAGE
from spantail_service.llm.attempt import Attempts, Failure, LeftOutError, Question, Spent, TextSink
from spantail_service.llm.base import EXPECTED, BackendError, BudgetExceededError, LlmBackend, Message, OnText, Tier
from spantail_service.llm.gates import AlwaysClosed, Breaker, Limits, Unlimited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from opentelemetry.util.types import AttributeValue

logger = logging.getLogger(__name__)

T = TypeVar("T")

_ALWAYS_CLOSED: Final = AlwaysClosed()
_UNLIMITED: Final = Unlimited()


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A usable answer, and who gave it."""

    value: T
    backend: str
    model: str
    attempts: int
    """How many were made; a backend that is known to be missing is not asked."""
    cost_nano: int | None = None
    """What all attempts together cost, in nano-USD; None when the cost of one of them is not known."""


class ChainError(Exception):
    """No backend answered; the message has each one's reason.

    Args:
        failures: Why, by backend.
        cost_nano: What was paid all the same, in nano-USD; None when that is not known.
    """

    def __init__(self, failures: Sequence[Failure], cost_nano: int | None = 0) -> None:
        reasons = "; ".join(f"{each.backend} {each.reason} ({each.message})" for each in failures)
        super().__init__(f"no LLM backend answered: {reasons}")
        self.failures = tuple(failures)
        self.cost_nano = cost_nano


class LlmChain:
    """Asks backends in their order. Safe to use from many tasks of one event loop.

    Args:
        backends: In the order in which they are tried.
        concurrency: Most calls under way at a time, over all runs.
        timeout_s: Seconds that each attempt may take.
        breaker: Asked before each attempt, and told its outcome.
        limits: Budgets, likewise.

    Raises:
        ValueError: There is no backend.
    """

    def __init__(
        self,
        backends: Sequence[LlmBackend],
        *,
        concurrency: int,
        timeout_s: float,
        breaker: Breaker = _ALWAYS_CLOSED,
        limits: Limits = _UNLIMITED,
    ) -> None:
        if not backends:
            raise ValueError("a chain needs at least one backend")
        self._backends = tuple(backends)
        self._slots = asyncio.Semaphore(concurrency)
        self._attempts = Attempts(breaker, limits, timeout_s=timeout_s)
        self.concurrency = concurrency

    async def ask(
        self,
        messages: Sequence[Message],
        read: Callable[[str], T],
        *,
        name: str,
        tier: Tier = "middle",
        max_tokens: int = 800,
        attributes: Mapping[str, AttributeValue] | None = None,
        on_text: OnText | None = None,
    ) -> Answer[T]:
        """Ask one backend after the other until an answer can be used.

        Makes one `llm_group` span with an `llm_call` span per attempt, and a `llm_call_fallback` event on the group
        between two attempts. An attempt for which nothing was sent (`base.EXPECTED`) has status `skipped`; a backend
        that is known to be missing has no span, but the next attempt says that it fell back from it. When all slots
        are taken, a phase before the group says so: waiting is not the call's time.

        Args:
            messages: What is asked.
            read: Reads the answer's text. A `ValueError` says that it is of no use, which counts as the backend's
                failure (`bad_response`).
            name: The group span's name.
            tier: Which model of a backend is asked.
            max_tokens: Most tokens of an answer.
            attributes: Further attributes of the group span.
            on_text: Takes each piece of the answer's text as it arrives, or all of it at once where a backend does
                not stream. It is called with None when what came is void, because another attempt begins.

        Raises:
            BudgetExceededError: A budget allowed no attempt.
            ChainError: No backend answered.
        """
        question = Question(messages, read, tier, max_tokens, TextSink(on_text), Spent())
        async with self._slot(name):
            with llm_group(name, attributes=attributes) as group:
                return await self._ask(question, group, name)

    async def _ask(self, question: Question[T], group: LlmGroup, name: str) -> Answer[T]:
        failures: list[Failure] = []
        attempts = 0
        for position, backend in enumerate(self._backends):
            last = failures[-1] if failures else None
            question.text.restart()
            try:
                value = await self._attempts.make(backend, question, number=attempts + 1, after=last)
            except BackendError as error:
                attempts += not isinstance(error, LeftOutError)
                failures.append(Failure(backend.name, error.reason, str(error)))
                level = logging.INFO if error.reason in EXPECTED else logging.WARNING
                logger.log(level, "%s: %s gave no answer, %s: %s", name, backend.name, error.reason, error)
            else:
                model = backend.model_for(question.tier)
                return Answer(value, backend.name, model, attempts + 1, question.spent.nano)
            if position + 1 < len(self._backends):
                group.fallback(backend.name, self._backends[position + 1].name, failures[-1].reason)
        if any(failure.reason == "budget" for failure in failures) and all(
            failure.reason in EXPECTED for failure in failures
        ):
            raise BudgetExceededError(next(each.message for each in failures if each.reason == "budget"))
        raise ChainError(failures, question.spent.nano)

    @asynccontextmanager
    async def _slot(self, name: str) -> AsyncIterator[None]:
        if self._slots.locked():
            with phase("waiting for a slot", attributes={PROGRESS_MESSAGE: f"for {name}"}):
                await self._slots.acquire()
        else:
            await self._slots.acquire()
        try:
            yield
        finally:
            self._slots.release()
