"""Cancelling a background task, for certain."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncio import Task

logger = logging.getLogger(__name__)

_AGAIN_S = 0.5


async def cancel(task: Task[Any] | None) -> None:
    """Cancel `task` until it has ended; what it failed with, if anything, goes to the log.

    Once is not enough: redis-py turns a cancellation that meets one of its time-outs into an error of its own, which a
    loop takes for an outage of Redis. Loops also look at a flag, so that they end then.
    """
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN_S)
    if task is not None and not task.cancelled() and (error := task.exception()) is not None:
        logger.error("%s ended with %r", task.get_name(), error, exc_info=error)
