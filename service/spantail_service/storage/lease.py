"""A lease: what one process at a time may do, for as long as it says again and again that it is there."""

from __future__ import annotations

import secrets
from typing import Final

_CLAIM: Final = """
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
_RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""

Command = tuple[str | int, ...]


class Lease:
    """The commands for one lease. They are sent by whoever holds it, together with others where that saves a trip.

    A lease saves work; it gives no exclusion: its holder may be slow to notice that it has expired. So what two
    holders do at the same time must be right too.

    Args:
        key: The key in Redis; it holds the token of the present holder and expires with the lease.
        token: Tells this holder from others; made up where none is given.
    """

    def __init__(self, key: str, token: str | None = None) -> None:
        self._key = key
        self._token = token or secrets.token_hex(8)

    def claim(self, duration_ms: int) -> Command:
        """Take the lease, or hold it for longer; answers 1, or 0 while somebody else has it."""
        return ("EVAL", _CLAIM, 1, self._key, self._token, duration_ms)

    def release(self) -> Command:
        """Give the lease back, so that the next one need not wait for it to expire; answers 0 where it is not ours."""
        return ("EVAL", _RELEASE, 1, self._key, self._token)
