"""Token buckets, one per client: how often somebody may do what costs us something."""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

    from spantail_service.settings import Settings

_MOST_CLIENTS = 10_000
_LONGEST_ADDRESS = 64  # a proxy may hand on what is none
_NETWORK_BITS = 64  # one IPv6 household has that many addresses: they count as one client


class TokenBuckets:
    """At most `burst` at once and `per_minute` in the long run, for each client; 0 a minute is no limit.

    Memory is bounded: clients whose bucket is full again are forgotten, then those who were not heard for longest.
    """

    def __init__(
        self, per_minute: float, burst: float | None = None, *, now_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_s = per_minute / 60
        self._burst = per_minute if burst is None else burst
        self._now_s = now_s
        self._levels: dict[str, tuple[float, float]] = {}  # client → tokens left, and when that was true

    def take(self, client: str) -> float:
        """Take one token; 0 when there was one, else the seconds until there is."""
        if self._per_s <= 0:
            return 0.0
        level, now = self._level(client)
        if level < 1:
            return (1 - level) / self._per_s
        self._set(client, level - 1, now)
        return 0.0

    def __len__(self) -> int:
        return len(self._levels)

    def _level(self, client: str) -> tuple[float, float]:
        now = self._now_s()
        level, since = self._levels.get(client, (self._burst, now))
        return min(self._burst, level + (now - since) * self._per_s), now

    def _set(self, client: str, level: float, now: float) -> None:
        self._levels.pop(client, None)  # put in again at the end: the first in the dict is the one longest silent
        if len(self._levels) >= _MOST_CLIENTS:
            self._forget(now)
        self._levels[client] = (level, now)

    def _forget(self, now: float) -> None:
        full = [
            client
            for client, (level, since) in self._levels.items()
            if level + (now - since) * self._per_s >= self._burst
        ]
        for client in full or list(self._levels)[: _MOST_CLIENTS // 10]:
            del self._levels[client]


class RateLimits(NamedTuple):
    """The buckets of one process, by what they protect."""

    starts: TokenBuckets
    heavy: TokenBuckets

    @classmethod
    def of(cls, settings: Settings) -> RateLimits:
        """As the settings say."""
        return cls(
            starts=TokenBuckets(settings.limits.max_starts_per_minute),
            heavy=TokenBuckets(settings.limits.max_heavy_per_minute),
        )


class WrongTokens:
    """Counts wrong tokens, by client and in all: many addresses guess no faster than one.

    The right token is never asked about here: whoever holds it comes in, whatever others do at the same address or
    elsewhere. So this keeps guesses cheap and seen; what makes guessing hopeless is a long token (docs/security.md).
    """

    _EVERYBODY = ""

    def __init__(
        self,
        *,
        burst: int = 10,
        per_minute: float = 6,
        burst_of_all: int = 100,
        per_minute_of_all: float = 60,
        now_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._by_client = TokenBuckets(per_minute, burst, now_s=now_s)
        self._of_all = TokenBuckets(per_minute_of_all, burst_of_all, now_s=now_s)

    def count(self, client: str) -> float:
        """Count a wrong token of `client`; the seconds until one more is answered as such, 0 within the limits."""
        return self._by_client.take(client) or self._of_all.take(self._EVERYBODY)


def client_of(scope: Scope) -> str:
    """Whom a connection is counted for: its IP address, or its network in IPv6.

    Behind a proxy that `SPANTAIL_TRUSTED_PROXIES` names it is what uvicorn takes from its `X-Forwarded-For`.
    """
    host: str = (scope.get("client") or ("",))[0][:_LONGEST_ADDRESS]
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, _NETWORK_BITS), strict=False))
