"""The locks that an object holds on to, so that a test can take them all."""

from __future__ import annotations

import threading
from typing import Any

_LOCKS = (type(threading.Lock()), type(threading.RLock()), threading.Condition, threading.Semaphore)


def locks_of(thing: object) -> list[Any]:
    """Find the locks among the attributes of an object, also those within its events."""
    values = [getattr(value, "_cond", value) for value in vars(thing).values()]
    return [value for value in values if isinstance(value, _LOCKS)]
