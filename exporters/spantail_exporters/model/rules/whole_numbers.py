"""Counts as they stand in events: integers from 0 on. Pure."""

from __future__ import annotations

from typing import Final

MOST_TOKENS: Final = 10**12
"""What is above is a mistake, and sums of a batch of 500 must stay below 2**53 to be exact."""


def whole_number(value: object) -> int | None:
    """Return `value` where it is an integer that is not negative; True and False are none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
