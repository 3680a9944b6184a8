"""Ordered fallback: asks one backend after the other until one gives a usable answer."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from spantail import llm_call, llm_group, phase
from spantail.attributes import PROGRESS_MESSAGE
from spantail_service.llm.base import BackendError, LlmBackend, Message, Reason, Tier

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from opentelemetry.util.types import AttributeValue

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A usable answer, and who gave it."""

    value: T
    backend: str
    model: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one backend gave no answer."""

    backend: str
    reason: Reason
    message: str


class ChainError(Exception):
    """Every backend failed; the message has each one's reason."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        reasons = "; ".join(f"{each.backend} {each.reason} ({each.message})" for each in failures)
        super().__init__(f"no LLM backend answered: {reasons}")
        self.failures = tuple(failures)


class LlmChain:
    """Asks backends in their order. Safe to use from many tasks of one event loop.

    Args:
        backends: In the order in which they are tried.
        concurrency: Most calls under way at a time, over all runs.
        timeout_s: Seconds that each attempt may take.

    Raises:
        ValueError: There is no backend.
    """

    def __init__(self, backends: Sequence[LlmBackend], *, concurrency: int, timeout_s: float) -> None:
        if not backends:
            raise ValueError("a chain needs at least one backend")
        self._backends = tuple(backends)
        self._slots = asyncio.Semaphore(concurrency)
        self._timeout_s = timeout_s
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
    ) -> Answer[T]:
        """Ask one backend after the other until an answer can be used.

        Makes one `llm_group` span with an `llm_call` span per attempt, and a `llm_call_fallback` event on the group
        between two attempts. When all slots are taken, a phase before the group says so:
        waiting is not the call's time.

        Args:
            messages: What is asked.
            read: Reads the answer's text. A `ValueError` says that it is of no use, which counts as the backend's
                failure (`bad_response`).
            name: The group span's name.
            tier: Which model of a backend is asked.
            max_tokens: Most tokens of an answer.
            attributes: Further attributes of the group span.

        Raises:
            ChainError: All backends failed.
        """
        failures: list[Failure] = []
        async with self._slot(name):
            with llm_group(name, attributes=attributes) as group:
                for attempt, backend in enumerate(self._backends, start=1):
                    last = failures[-1] if failures else None
                    try:
                        value = await self._attempt(
                            backend,
                            messages,
                            read,
                            tier=tier,
                            max_tokens=max_tokens,
                            attempt=attempt,
                            last=last,
                        )
                    except BackendError as error:
                        failures.append(Failure(backend.name, error.reason, str(error)))
                        logger.warning("%s: %s failed, %s: %s", name, backend.name, error.reason, error)
                    else:
                        return Answer(value, backend.name, backend.model_for(tier), attempt)
                    if attempt < len(self._backends):
                        following = self._backends[attempt].name
                        group.fallback(backend.name, following, failures[-1].reason)
                raise ChainError(failures)

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

    async def _attempt(
        self,
        backend: LlmBackend,
        messages: Sequence[Message],
        read: Callable[[str], T],
        *,
        tier: Tier,
        max_tokens: int,
        attempt: int,
        last: Failure | None,
    ) -> T:
        unready: BackendError | None = None
        try:
            await backend.prepare()
        except BackendError as error:
            unready = error
        with llm_call(
            backend=backend.name,
            model=backend.model_for(tier),
            provider=backend.provider,
            tier=tier,
            attempt=attempt,
            fallback_from=last.backend if last else None,
            fallback_reason=last.reason if last else None,
            stream=backend.streams,
        ) as call:
            if unready is not None:
                raise unready
            call.prompt(messages)
            try:
                async with asyncio.timeout(self._timeout_s):
                    completion = await backend.complete(messages, tier=tier, max_tokens=max_tokens, call=call)
            except TimeoutError as error:
                raise BackendError("timeout", f"no answer within {self._timeout_s:g} s") from error
            call.completion([{"role": "assistant", "content": completion.text}])
            try:
                return read(completion.text)
            except ValueError as error:
                # `from None`: a chained error's traceback could carry the answer's text onto the span.
                raise BackendError("bad_response", str(error)) from None
