"""A span whose ids and start are known before it: that of a run which has waited in a queue.

Ids are taken by the id generator of a provider that `configure()` has made (`setup/prescribed_ids.py`). Another
provider makes ids of its own; whoever needs the prescribed ones has to look.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator


class Prescription(NamedTuple):
    """What the next span of this context is to be."""

    trace_id: int
    span_id: int
    start_ns: int | None
    """When it started, in nanoseconds since the epoch; None is now."""


_present: Final[ContextVar[Prescription | None]] = ContextVar("spantail-prescription", default=None)


def prescription() -> Prescription | None:
    """Return what is prescribed for the span that is about to start here."""
    return _present.get()


@contextmanager
def prescribed(run_id: str, span_id: str, start_ns: int | None = None) -> Iterator[None]:
    """Prescribe the ids and the start of the one span that is started within the block.

    A span with a parent keeps the trace id of its parent.

    Args:
        run_id: Its trace id, 32 hex digits.
        span_id: Its span id, 16 hex digits.
        start_ns: When it started, in nanoseconds since the epoch; None is now.

    Raises:
        ValueError: An id is not of hex digits.
    """
    token = _present.set(Prescription(int(run_id, 16), int(span_id, 16), start_ns))
    try:
        yield
    finally:
        _present.reset(token)
