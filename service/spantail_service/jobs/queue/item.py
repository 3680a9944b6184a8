"""An item of the job queue, as it is stored (pure)."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PRIORITIES: Final = ("high", "normal", "low")
"""In the order in which they are served. Within one, who came first is served first."""


class ItemStatus(StrEnum):
    """Where an item is on its way."""

    PENDING = "pending"
    DELAYED = "delayed"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL: Final = frozenset({ItemStatus.SUCCEEDED, ItemStatus.FAILED, ItemStatus.CANCELLED})


class QueueItem(NamedTuple):
    """What is known of an item.

    Times are microseconds since the epoch, by Redis' clock; None means not yet.
    """

    id: str
    operation: str
    input: bytes
    """A JSON object: what the operation is given."""
    priority: str
    status: ItemStatus
    attempts: int
    """How often it was claimed since it was queued, or queued again."""
    max_attempts: int
    token: int
    """The fencing token of the last claim: who holds another one may not finish the item."""
    enqueued: int
    available: int | None = None
    """When a delayed item is due."""
    started: int | None = None
    finished: int | None = None
    runner: str = ""
    run_id: str = ""
    """The run of the present or the last attempt."""
    earlier_runs: tuple[str, ...] = ()
    """Runs of attempts before that one, oldest first; the latest fifty."""
    queued: int = 0
    """Since when the present run is queued: the start of its root span."""
    links: tuple[str, ...] = ()
    """Spans that it comes from, each as W3C `traceparent`; the request's is the first."""
    session_id: str = ""
    budget_usd: float | None = None
    """What a run of it may spend."""
    is_cancelling: bool = False
    """Its runner was asked to stop it."""
    error: str = ""
    result: bytes = b""
    """What the operation returned, as JSON; empty where it returned nothing or the result was too large to keep."""

    @property
    def is_over(self) -> bool:
        """Whether it will not run again by itself."""
        return self.status in FINAL


def item_of(fields: Mapping[str, bytes]) -> QueueItem:
    """Read an item from its hash.

    Args:
        fields: Names and values, as Redis has them.

    Raises:
        KeyError: A field that every item has is missing.
        ValueError: A number is none, or the status is not known.
    """

    def text(name: str) -> str:
        return fields.get(name, b"").decode()

    def number(name: str) -> int | None:
        value = fields.get(name)
        return int(value) if value else None

    return QueueItem(
        id=fields["id"].decode(),
        operation=fields["operation"].decode(),
        input=fields["input"],
        priority=PRIORITIES[int(fields["priority"]) - 1],
        status=ItemStatus(fields["status"].decode()),
        attempts=int(fields["attempts"]),
        max_attempts=int(fields["max_attempts"]),
        token=int(fields["token"]),
        enqueued=int(fields["enqueued"]),
        available=number("available"),
        started=number("started"),
        finished=number("finished"),
        runner=text("runner"),
        run_id=text("run_id"),
        earlier_runs=tuple(text("runs").split()),
        queued=int(fields["queued"]),
        links=tuple(text("links").split()),
        session_id=text("session_id"),
        budget_usd=float(fields["budget_usd"]) if fields.get("budget_usd") else None,
        is_cancelling="cancel" in fields,
        error=text("error"),
        result=fields.get("result", b""),
    )


def fields_of(flat: Sequence[bytes]) -> dict[str, bytes]:
    """The answer of HGETALL, names and values by turns, as a mapping."""
    return {flat[at].decode(): flat[at + 1] for at in range(0, len(flat), 2)}


def as_json(value: object, limit: int) -> bytes:
    """Encode a result; empty when it is larger than `limit` bytes."""
    encoded = orjson.dumps(value)
    return encoded if len(encoded) <= limit else b""
