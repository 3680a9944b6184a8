"""The event loop of a process of the service."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """What makes it; None for asyncio's own."""
    if sys.platform == "win32" or sys.implementation.name != "cpython":
        return None
    import uvloop  # not installed on the platforms above

    return uvloop.new_event_loop
