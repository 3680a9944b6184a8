"""The sign of life of a process: one key a second, whatever the number of its spans."""

from __future__ import annotations

from typing import Final

from spantail_exporters.model import keys

BEAT_S: Final = 1.0
LEASE_S: Final = 12  # a process that was silent for so long may be declared dead
_REMEMBER_US: Final = 24 * 3600 * 1_000_000


def beat_commands(runner_id: str, now_us: int) -> list[tuple[str | int, ...]]:
    """Name the commands of one heartbeat; the first one's reply is the time of the last, None when there was no lease.

    A runner that finds its lease gone may have been declared dead, and says so of its open spans (`_revived`).
    `runners:seen` keeps the time of the last heartbeat beyond the lease: whoever declares the process dead can name it.
    """
    return [
        ("GET", keys.runner(runner_id)),
        ("SET", keys.runner(runner_id), now_us, "EX", LEASE_S),
        ("ZADD", keys.RUNNERS_SEEN, now_us, runner_id),
        ("ZREMRANGEBYSCORE", keys.RUNNERS_SEEN, "-inf", now_us - _REMEMBER_US),
    ]
