"""Ids of runs that wait in the queue: known before their spans exist (pure)."""

from __future__ import annotations

import hashlib
import secrets
from typing import Final

_RUN_BYTES: Final = 16
_SPAN_DIGITS: Final = 16
_INVALID_RUN: Final = "0" * 32


def new_run_id() -> str:
    """A run id that nobody has: 32 lower-case hex digits."""
    while (run_id := secrets.token_hex(_RUN_BYTES)) == _INVALID_RUN:
        pass
    return run_id


def root_span_id(run_id: str) -> str:
    """The id of the root span of a queued run: 16 lower-case hex digits."""
    return _span_id(run_id, "root")


def wait_span_id(run_id: str) -> str:
    """The id of the span of kind `queue` that a queued run waits in."""
    return _span_id(run_id, "queue")


def _span_id(run_id: str, part: str) -> str:
    # A digest of all zeros, which is no valid id, is not to be expected.
    return hashlib.sha256(f"{run_id}:{part}".encode()).hexdigest()[:_SPAN_DIGITS]
