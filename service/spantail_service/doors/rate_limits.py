"""Token buckets, one per client: how often somebody may do what costs us something."""

from __future__ import annotations

import ipaddress
import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Scope

_MOST_CLIENTS = 10_000
_NETWORK_BITS = 64  # one IPv6 household has that many addresses: they count as one client


class TokenBuckets:
    """At most ``burst`` at once and ``per_minute`` in the long run, for each client; 0 a minute is no limit.

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

    def wait_s(self, client: str) -> float:
        """The seconds until there is a token, without taking it."""
        if client not in self._levels or self._per_s <= 0:
            return 0.0
        return max(0.0, (1 - self._level(client)[0]) / self._per_s)

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


class FailedLogins:
    """Counts wrong tokens by client, and remembers who has shown the right one.

    Somebody who guesses is refused unheard once ``burst`` guesses were wrong. A client that has shown the right
    token within the last hour is heard all the same: an exporter is not locked out by a neighbour behind the same
    proxy.
    """

    _TRUST_S = 3_600.0

    def __init__(self, *, burst: int = 10, per_minute: float = 6, now_s: Callable[[], float] = time.monotonic) -> None:
        self._buckets = TokenBuckets(per_minute, burst, now_s=now_s)
        self._now_s = now_s
        self._known: dict[str, float] = {}

    def wait_s(self, client: str, *, trust: bool) -> float:
        """The seconds that ``client`` has to wait before its next try; 0 when it may try now."""
        wait_s = self._buckets.wait_s(client)
        if wait_s and trust and self._now_s() - self._known.get(client, -math.inf) < self._TRUST_S:
            return 0.0
        return wait_s

    def failed(self, client: str) -> None:
        """Count a wrong token."""
        self._buckets.take(client)

    def succeeded(self, client: str) -> None:
        """Remember that ``client`` has shown the right token."""
        if len(self._known) >= _MOST_CLIENTS and client not in self._known:
            self._known.clear()
        self._known[client] = self._now_s()


def client_of(scope: Scope) -> str:
    """Whom a connection is counted for: its IP address, or its network in IPv6.

    Behind a proxy it is what uvicorn takes from ``X-Forwarded-For``, which it believes the addresses in
    ``FORWARDED_ALLOW_IPS`` (loopback by default).
    """
    host: str = (scope.get("client") or ("",))[0]
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, _NETWORK_BITS), strict=False))
