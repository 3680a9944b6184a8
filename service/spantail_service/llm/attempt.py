"""One attempt at one backend: breaker and budgets before it, its span, and what they are told after it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from spantail import BudgetError, LlmCall, llm_call
from spantail_service.llm.base import (
    EXPECTED,
    UNBILLED,
    BackendError,
    BudgetRefusedError,
    LlmBackend,
    Message,
    OnText,
    Reason,
    Restart,
    Tier,
)
from spantail_service.llm.prompt_size import most_input_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from spantail_service.llm.base import Completion
    from spantail_service.llm.gates import Breaker, Hold, Limits, Permit

T = TypeVar("T")


@dataclass(slots=True)
class Question(Generic[T]):
    """What is asked of each backend in turn; see `LlmChain.ask`."""

    messages: Sequence[Message]
    read: Callable[[str], T]
    tier: Tier
    max_tokens: int
    text: TextSink
    spent: Spent
    attempts: int = 0
    """How many were made, or skipped, so far."""


class Spent:
    """What the attempts of one call have cost together."""

    def __init__(self) -> None:
        self._nano: int | None = 0

    @property
    def nano(self) -> int | None:
        """In nano-USD; None when the cost of one of them is not known."""
        return self._nano

    def add(self, nano: int | None) -> None:
        """Add an attempt's cost; None where nobody knows it."""
        self._nano = None if nano is None or self._nano is None else self._nano + nano


class _CountedHold:
    """Tells `spent` what it tells the hold."""

    def __init__(self, hold: Hold, spent: Spent) -> None:
        self._hold = hold
        self._spent = spent

    def settle(self, cost_nano: int | None) -> None:
        self._hold.settle(cost_nano)
        self._spent.add(cost_nano)


class TextSink:
    """Hands the pieces of an answer on, and knows whether any came since the last attempt began."""

    def __init__(self, on_text: OnText | None) -> None:
        self._on_text = on_text
        self.has_text = False

    def __call__(self, text: str | Restart) -> None:
        """Hand a piece on."""
        if self._on_text is not None and text and isinstance(text, str):
            self.has_text = True
            self._on_text(text)

    def restart(self, failed: Failure) -> None:
        """The text so far no longer counts, another attempt begins."""
        if self._on_text is not None and self.has_text:
            self.has_text = False
            self._on_text(Restart(f"{failed.backend}: {failed.reason.replace('_', ' ')}"))


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one backend gave no answer."""

    backend: str
    reason: Reason
    message: str
    refusal: BudgetError | None = None
    """Of a budget, where one did not allow it."""


class LeftOutError(BackendError):
    """A backend that is known to be missing here: no attempt was made, so there is no span of one."""


class Attempts:
    """Makes attempts. Safe to use from many tasks of one event loop.

    Args:
        breaker: Spares backends that are known to fail.
        limits: Budgets.
        timeout_s: Seconds that each attempt may take.
    """

    def __init__(self, breaker: Breaker, limits: Limits, *, timeout_s: float) -> None:
        self._breaker = breaker
        self._limits = limits
        self._timeout_s = timeout_s
        self._checks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def make(self, backend: LlmBackend, question: Question[T], *, after: Failure | None) -> T:
        """One attempt, with its span.

        Args:
            backend: Who is asked.
            question: What.
            after: Why the backend before it gave no answer; None when it is the first, or the same one again.

        Raises:
            BackendError: There is no usable answer.
            LeftOutError: It was not asked, because it is known to be missing.
        """
        model = backend.model_for(question.tier)
        call = llm_call(
            backend=backend.name,
            model=model,
            provider=backend.provider,
            tier=question.tier,
            attempt=question.attempts + 1,
            fallback_from=after.backend if after else None,
            fallback_reason=after.reason if after else None,
            stream=backend.streams,
            input_tokens=most_input_tokens(backend.name, question.messages),
            max_tokens=question.max_tokens,
        )
        async with AsyncExitStack() as gates:
            try:
                permit = await self._admit(backend, model, gates)
                hold = await gates.enter_async_context(
                    self._limits.hold(
                        backend=backend.name,
                        provider=backend.provider,
                        model=model,
                        messages=question.messages,
                        max_tokens=question.max_tokens,
                    )
                )
            except LeftOutError:
                raise
            except BackendError as error:
                question.attempts += 1
                with call as span:
                    if error.reason not in EXPECTED:
                        raise
                    span.skip(_in_words(error))
                raise
            question.attempts += 1
            return await self._asked(backend, question, call, permit, _CountedHold(hold, question.spent))

    async def _admit(self, backend: LlmBackend, model: str, gates: AsyncExitStack) -> Permit:
        # One at a time: while one finds out that the backend is missing, the others wait for what it found.
        async with self._checks[backend.name]:
            try:
                permit = await gates.enter_async_context(self._breaker.admit(backend.name, model))
            except BackendError as error:
                if error.reason == "not_installed":
                    raise LeftOutError(error.reason, str(error)) from None
                raise
            try:
                await backend.prepare()
            except BackendError as error:
                await permit.failed(error)
                raise
            return permit

    async def _asked(self, backend: LlmBackend, question: Question[T], call: LlmCall, permit: Permit, hold: Hold) -> T:
        try:
            value = await self._answer(backend, question, call)
        except BudgetError as refused:  # of a `spantail.budget()` around: nothing was sent
            hold.settle(0)
            raise BudgetRefusedError(refused) from None
        except BackendError as error:
            spent = call.cost_nano
            hold.settle(0 if spent is None and error.reason in UNBILLED and not call.chunks else spent)
            await permit.failed(error)
            raise
        except BaseException:
            hold.settle(call.cost_nano)
            raise
        hold.settle(call.cost_nano)
        await permit.succeeded()
        return value

    async def _answer(self, backend: LlmBackend, question: Question[T], scope: LlmCall) -> T:
        with scope as call:
            call.prompt(question.messages)
            try:
                completion = await self._complete(backend, question, call)
            except BackendError as error:
                if error.reason not in EXPECTED:
                    raise
                call.skip(_in_words(error))
                missing = error
            else:
                call.completion([{"role": "assistant", "content": completion.text}])
                if not question.text.has_text:
                    question.text(completion.text)
                try:
                    return question.read(completion.text)
                except ValueError as error:
                    # `from None`: a chained error's traceback could carry the answer's text onto the span.
                    raise BackendError("bad_response", str(error)) from None
        raise missing

    async def _complete(self, backend: LlmBackend, question: Question[T], call: LlmCall) -> Completion:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await backend.complete(
                    question.messages,
                    tier=question.tier,
                    max_tokens=question.max_tokens,
                    call=call,
                    on_text=question.text,
                )
        except TimeoutError as error:
            raise BackendError("timeout", f"no answer within {self._timeout_s:g} s") from error


def _in_words(error: BackendError) -> str:
    return f"{error.reason.replace('_', ' ')}: {error}"
