"""What came of a run that a service or a runner has started: its result or its error, from the run's state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from spantail_exporters.model import keys

if TYPE_CHECKING:
    from redis.asyncio import Redis


async def result_of(redis: Redis, run_id: str) -> dict[str, Any] | None:
    """`{run_id, operation, status, result, error}`; None where nobody keeps a state of the run.

    `result` is null before the run has completed, and where it was larger than 64 KiB; `error` is `{type, message}` of
    a run that failed. A state outlives the run's spans: it is kept for a day. Raises redis-py's errors.
    """
    stored = await redis.get(keys.run_keys(run_id).state)
    try:
        state = orjson.loads(stored) if stored else None
    except ValueError:
        return None
    if not isinstance(state, dict):
        return None
    return {
        "run_id": run_id,
        "operation": state.get("operation"),
        "status": state.get("status"),
        "result": state.get("result"),
        "error": state.get("error"),
    }
