"""When the lease of somebody dead may be taken as run out: after one whole lease of answers without a gap."""

from __future__ import annotations

import sys
import time
from typing import Final

GAP_SHARE: Final = 0.25
"""The longest time between two answers that leaves their series unbroken, as a share of the lease."""

if sys.platform == "linux":

    def clock() -> float:
        """Seconds of a clock that never steps, and goes on while the machine sleeps, as expiries in Redis do."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)
else:
    clock = time.monotonic


class Interrupted(Exception):
    """The series of answers was broken: what was read before may not be true any more."""


class Liveness:
    """Watches the series of Redis' answers.

    A gap is a Redis error, a slow answer, a pause of this process, or a step of Redis' clock, on which leases
    expire. Whatever froze, the leases of the living get the time of one lease to be renewed: the series starts anew.
    Times are seconds of `clock`.
    """

    def __init__(self, gap_s: float) -> None:
        self._gap_s = gap_s
        self._since: float | None = None
        self._last = 0.0
        self._ahead: float | None = None  # Redis' clock less ours

    @property
    def waited_s(self) -> float:
        """Seconds from the first to the last answer of the series."""
        return 0.0 if self._since is None else self._last - self._since

    def broken(self) -> None:
        """Redis failed: the series starts anew with its next answer."""
        self._since = None

    def asked(self, now: float) -> None:
        """A question follows, or a write on the strength of the last answer.

        Raises:
            Interrupted: that answer is too old.
        """
        if self._since is not None and now - self._last > self._gap_s:
            self._since = None
            raise Interrupted

    def answered(self, now: float) -> None:
        """An answer came.

        Raises:
            Interrupted: it was slow.
        """
        late = self._since is not None and now - self._last > self._gap_s
        if self._since is None or late:
            self._since = now
        self._last = now
        if late:
            raise Interrupted

    def redis_clock(self, redis_us: int, now: float) -> None:
        """Redis reported its time, in µs since the epoch.

        Raises:
            Interrupted: its clock stepped, so that leases may have expired at once.
        """
        ahead, before = redis_us / 1e6 - now, self._ahead
        self._ahead = ahead
        if before is not None and abs(ahead - before) > self._gap_s:
            self._since = now
            raise Interrupted
