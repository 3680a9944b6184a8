"""Ordered fallback: asks one backend after the other until one gives a usable answer."""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from spantail import LlmGroup, llm_group, phase
from spantail.attributes import PROGRESS_MESSAGE
from spantail_service.llm.attempt import Attempts, Failure, LeftOutError, Question, Spent, TextSink
from spantail_service.llm.base import EXPECTED, BackendError, BudgetRefusedError, LlmBackend, Message, OnText, Tier
from spantail_service.llm.gates import AlwaysClosed, Breaker, Limits, Unlimited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from opentelemetry.util.types import AttributeValue

logger = logging.getLogger(__name__)

T = TypeVar("T")

_ALWAYS_CLOSED: Final = AlwaysClosed()
_UNLIMITED: Final = Unlimited()

_MOST_TRIES = 3  # of one backend that wants to be asked again
_JITTER = 0.25  # of the time that it asks for: those that it sent away together shall not come back together
_LEAST_WAIT_S = 0.05


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
        max_wait_s: For how long, in seconds, a backend is waited for that says when to ask it again.
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
        max_wait_s: float = 0.0,
        breaker: Breaker = _ALWAYS_CLOSED,
        limits: Limits = _UNLIMITED,
    ) -> None:
        if not backends:
            raise ValueError("a chain needs at least one backend")
        self._backends = tuple(backends)
        self._slots = asyncio.Semaphore(concurrency)
        self._attempts = Attempts(breaker, limits, timeout_s=timeout_s)
        self._max_wait_s = max_wait_s
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
                not stream; and `Restart` when the text so far no longer counts, because another attempt begins.

        Raises:
            BudgetError: A budget allowed no attempt.
            ChainError: No backend answered.
        """
        question = Question(messages, read, tier, max_tokens, TextSink(on_text), Spent())
        async with self._slot(name):
            with llm_group(name, attributes=attributes) as group:
                return await self._ask(question, group, name)

    async def _ask(self, question: Question[T], group: LlmGroup, name: str) -> Answer[T]:
        failures: list[Failure] = []
        after: Failure | None = None
        for position, backend in enumerate(self._backends):
            try:
                value = await self._ask_one(backend, question, after)
            except BackendError as error:
                refusal = error.refusal if isinstance(error, BudgetRefusedError) else None
                failures.append(Failure(backend.name, error.reason, str(error), refusal))
                if after is None or not isinstance(error, LeftOutError):
                    after = failures[-1]  # else no span has said yet what happened before it
                level = logging.INFO if error.reason in EXPECTED else logging.WARNING
                logger.log(level, "%s: %s gave no answer, %s: %s", name, backend.name, error.reason, error)
            else:
                model = backend.model_for(question.tier)
                return Answer(value, backend.name, model, question.attempts, question.spent.nano)
            if position + 1 < len(self._backends):
                group.fallback(backend.name, self._backends[position + 1].name, failures[-1].reason)
        raise _no_answer(failures, question.spent.nano)

    async def _ask_one(self, backend: LlmBackend, question: Question[T], after: Failure | None) -> T:
        """Ask one backend, and again where it says that it will answer in a moment."""
        max_wait_s, failed = self._max_wait_s, after
        for tries_left in reversed(range(_MOST_TRIES)):
            if failed is not None:
                question.text.restart(failed)
            try:
                return await self._attempts.make(backend, question, after=after)
            except BackendError as error:
                if not tries_left or error.retry_after_s is None or error.retry_after_s > max_wait_s:
                    raise
                wait_s, failed = error.retry_after_s, Failure(backend.name, error.reason, str(error))
            after = None  # a further try of the same backend is no fallback
            max_wait_s -= await _wait(backend.name, wait_s)
        raise AssertionError("the last try returns or raises")

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


async def _wait(backend: str, asked_s: float) -> float:
    """Wait a little longer than a backend asks for; returns for how long, in seconds."""
    wait_s = max(asked_s, _LEAST_WAIT_S) * random.uniform(1, 1 + _JITTER)  # noqa: S311 - no secret
    with phase("waiting as asked", attributes={PROGRESS_MESSAGE: f"{backend} wants {asked_s:g} s"}):
        await asyncio.sleep(wait_s)
    return wait_s


def _no_answer(failures: Sequence[Failure], cost_nano: int | None) -> Exception:
    refusals = [failure.refusal for failure in failures if failure.refusal is not None]
    if refusals and all(failure.reason in EXPECTED for failure in failures):
        return refusals[0]
    return ChainError(failures, cost_nano)
