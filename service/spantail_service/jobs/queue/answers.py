"""What the steps of the job queue answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from spantail_service.jobs.queue.item import QueueItem


class Enqueued(NamedTuple):
    """An item that was taken in, now or before."""

    item_id: str
    run_id: str
    status: str
    queued: int
    """Since when, in microseconds since the epoch by Redis' clock."""
    is_new: bool


class Claims(NamedTuple):
    """What a claim got."""

    items: list[QueueItem]
    next_due_s: float | None
    """When the next delayed item is due, in seconds from now; None where none waits."""


class Expired(NamedTuple):
    """Items whose lease has run out."""

    at_us: int
    """When that was so, in microseconds since the epoch by Redis' clock."""
    items: list[QueueItem]


class Recovered(NamedTuple):
    """An item that was taken back from a runner."""

    id: str
    run_id: str
    """The run that it was in; empty where none had begun."""
    became: str
    """`pending`: it runs again; `failed`: it had its attempts; `cancelled`."""
    next_run_id: str
    """The run of its next attempt; empty where there is none."""


class Overview(NamedTuple):
    """The queue at one moment."""

    version: int
    """Grows with every change; a poller that knows it need not ask for more."""
    pending: int
    delayed: int
    running: int
    failed: int
    items: list[QueueItem]
    """Those that run, then those that wait in the order in which they will be served, then delayed, failed, others."""
