"""What the circuits are at the moment, for people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from spantail_exporters.model import keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from redis.asyncio import Redis

MISSING: Final = "missing:"
"""What the field of a place begins with at which a backend is not installed."""

KEEP_MS: Final = 86_400_000
"""How long a circuit is kept after it was last used."""

State = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True)
class Circuit:
    """One backend and model. Times are microseconds since the epoch, None where there is none."""

    backend: str
    model: str
    state: State
    """`open`: it is not asked before `until`; `half_open`: one attempt finds out how it stands, or the next will."""
    failures: int
    """In a row."""
    reason: str | None
    """Why the last one failed; `not_installed` where that is all that is wrong."""
    opened: int | None
    until: int | None
    missing_on: list[str]
    """Hosts on which it is not installed."""


async def all_circuits(redis: Redis) -> list[Circuit]:
    """Every circuit that was used within a day, by backend and model.

    Raises:
        RedisError: As redis-py does.
    """
    seconds, microseconds = await redis.time()
    now_us = seconds * 1_000_000 + microseconds
    names: Any = await redis.zrange(keys.BREAKERS, 0, -1)
    pairs = [tuple(name.decode().split("\n", 1)) for name in sorted(names) if b"\n" in name]
    pipe = redis.pipeline(transaction=False)
    for backend, model in pairs:
        pipe.hgetall(keys.breaker(backend, model))
    hashes: list[dict[bytes, bytes]] = await pipe.execute() if pairs else []
    return [
        _circuit(backend, model, {name.decode(): value.decode() for name, value in fields.items()}, now_us)
        for (backend, model), fields in zip(pairs, hashes, strict=True)
        if fields
    ]


def _circuit(backend: str, model: str, fields: Mapping[str, str], now_us: int) -> Circuit:
    state: Any = fields.get("state", "closed")
    until = int(fields["until"]) if "until" in fields and state != "closed" else None
    if state == "open" and until is not None and until <= now_us:
        state, until = "half_open", None
    reason, opened = fields.get("reason"), int(fields["opened"]) if "opened" in fields else None
    missing = {
        name.removeprefix(MISSING): int(value)
        for name, value in fields.items()
        if name.startswith(MISSING) and int(value) > now_us
    }
    if missing and state == "closed":
        state, reason, until = "open", "not_installed", max(missing.values())
    hosts = sorted({place.rpartition("/")[0] for place in missing})
    return Circuit(backend, model, state, int(fields.get("failures", 0)), reason, opened, until, hosts)
