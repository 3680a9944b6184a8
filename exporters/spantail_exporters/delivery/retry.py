"""When to try again after Redis could not be reached. Pure: callers pass the time."""

from __future__ import annotations

import random
from typing import Final

_FIRST_S: Final = 0.05
_LONGEST_S: Final = 5.0


class Retry:
    """Twice as long after each failure, up to 5 s, less a random part: many processes must not come back at once.

    All times are of the monotonic clock, in seconds.
    """

    def __init__(self) -> None:
        self.failures = 0
        """How many attempts in a row have failed."""
        self.due_at = 0.0
        """When to try again."""

    @property
    def is_away(self) -> bool:
        """Whether the last attempt failed."""
        return self.failures > 0

    def failed(self, now: float) -> None:
        """Note a failure."""
        self.failures += 1
        longest_s = min(_LONGEST_S, _FIRST_S * 2 ** min(self.failures, 10))
        self.due_at = now + longest_s * random.uniform(0.5, 1.0)  # noqa: S311 - jitter

    def succeeded(self) -> None:
        """Note a success: the next failure is the first one."""
        self.failures, self.due_at = 0, 0.0
