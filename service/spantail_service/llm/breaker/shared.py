"""The breaker that all processes on one Redis share. Where Redis does not answer, every attempt is let through."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import secrets
import socket
import sys
import time
from contextlib import asynccontextmanager
from importlib import resources
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from redis.exceptions import NoScriptError, RedisError

from spantail_exporters.model import keys
from spantail_service.llm.base import BackendError, Reason
from spantail_service.llm.breaker.circuit import KEEP_MS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from redis.asyncio import Redis

    from spantail_service.llm.gates import Permit

logger = logging.getLogger(__name__)

_SCRIPT: Final = (resources.files(__package__) / "breaker.lua").read_text(encoding="utf-8")
_SHA: Final = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()

_ANSWER_S: Final = 1.0  # Redis answers within a millisecond, or something is wrong
_AWAY_S: Final = 5.0  # how long it is not asked after that
_MOST_OPEN_S: Final = 3_600.0  # whatever a provider says

# The backend has answered, though not what was wanted: that is about the request.
_ANSWERED: Final[frozenset[Reason]] = frozenset({"bad_request", "bad_response"})
# Trying again does not help before somebody does something.
_AT_ONCE: Final[frozenset[Reason]] = frozenset({"auth"})


class BreakerRules(NamedTuple):
    """When a circuit opens, and for how long."""

    failures: int
    """In a row, of one backend and model."""
    open_s: float
    missing_s: float
    """How long a backend is left out that is not installed."""
    trial_s: float
    """How long the one attempt may take that finds out whether it works again."""
    max_wait_s: float
    """A provider that wants to be left alone for longer opens the circuit at once."""


class SharedBreaker:
    """A `Breaker` on Redis.

    Args:
        redis: The client.
        rules: When a circuit opens, and for how long.
        place: Where this process finds programs and libraries; processes of one place miss the same.
        clock: Seconds, for how long Redis is left alone after it did not answer.
    """

    def __init__(
        self,
        redis: Redis,
        rules: BreakerRules,
        *,
        place: str | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._rules = rules
        self._place = place or place_of_this_process()
        self._clock = clock
        self._away_until_s = 0.0

    @asynccontextmanager
    async def admit(self, backend: str, model: str) -> AsyncIterator[Permit]:
        """Permission for one attempt; see `Breaker`.

        Raises:
            BackendError: `circuit_open`, or `not_installed` where that is known of this place.
        """
        mark = secrets.token_hex(8)
        said = await self._step(backend, model, "admit", mark, _us(self._rules.trial_s))
        if said is not None:
            _refuse(said, self._rules.missing_s)
        permit = _SharedPermit(self, backend, model, mark)
        try:
            yield permit
        finally:
            if said is not None and said[0] == b"trial" and not permit.is_told:
                await self._step(backend, model, "released", mark)

    async def tell(self, backend: str, model: str, mark: str, error: BackendError | None) -> None:
        """Write down how an attempt ended."""
        if error is None or error.reason in _ANSWERED:
            changed = await self._step(backend, model, "succeeded", mark)
        elif error.reason == "not_installed":
            changed = await self._step(backend, model, "missing", mark, _us(self._rules.missing_s))
        else:
            changed = await self._step(backend, model, "failed", mark, error.reason, *self._opening(error))
        if changed != 1:
            return
        try:
            async with asyncio.timeout(_ANSWER_S):
                await self._redis.zadd(keys.BREAKERS, {f"{backend}\n{model}": time.time()})
                await self._redis.zremrangebyscore(keys.BREAKERS, "-inf", time.time() - 2 * KEEP_MS / 1_000)
        except (TimeoutError, RedisError, OSError) as trouble:
            self._is_away(trouble)

    def _opening(self, error: BackendError) -> tuple[int, int]:
        """After how many failures the circuit opens, and for how many microseconds."""
        after_s = error.retry_after_s
        if after_s is not None and after_s > self._rules.max_wait_s:
            return 1, _us(min(after_s, _MOST_OPEN_S))
        return 1 if error.reason in _AT_ONCE else self._rules.failures, _us(self._rules.open_s)

    async def _step(self, backend: str, model: str, step: str, mark: str, *arguments: str | int) -> Any:
        """One call of the script; None where Redis does not answer."""
        if self._clock() < self._away_until_s:
            return None
        command = (_SHA, 1, keys.breaker(backend, model), step, mark, self._place, KEEP_MS, *arguments)
        try:
            async with asyncio.timeout(_ANSWER_S):
                try:
                    return await self._redis.execute_command("EVALSHA", *command)  # type: ignore[no-untyped-call]
                except NoScriptError:
                    await self._redis.script_load(_SCRIPT)
                    return await self._redis.execute_command("EVALSHA", *command)  # type: ignore[no-untyped-call]
        except (TimeoutError, RedisError, OSError) as error:
            self._is_away(error)
            return None

    def _is_away(self, error: Exception) -> None:
        logger.warning("the circuit breaker has no answer from Redis, every LLM backend is asked: %r", error)
        self._away_until_s = self._clock() + _AWAY_S


class _SharedPermit:
    def __init__(self, breaker: SharedBreaker, backend: str, model: str, mark: str) -> None:
        self._breaker, self._of = breaker, (backend, model, mark)
        self.is_told = False

    async def succeeded(self) -> None:
        self.is_told = True
        await self._breaker.tell(*self._of, None)

    async def failed(self, error: BackendError) -> None:
        self.is_told = True
        await self._breaker.tell(*self._of, error)


def place_of_this_process() -> str:
    """The host's name and a digest of where this process finds libraries and commands: `host/1f0c…`."""
    found_in = f"{sys.prefix}\n{os.environ.get('PATH', '')}"
    return f"{socket.gethostname()}/{hashlib.sha256(found_in.encode()).hexdigest()[:12]}"


def _refuse(said: list[bytes], missing_s: float) -> None:
    state, why, until_us = (part.decode() for part in said)
    if state == "missing":
        raise BackendError("not_installed", f"it was not there, and is looked for again within {missing_s:g} s")
    if state == "open":
        left_s = max(1, round(int(until_us) / 1_000_000 - time.time()))
        raise BackendError("circuit_open", f"not asked for {left_s} s more, it failed before: {why}")


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
