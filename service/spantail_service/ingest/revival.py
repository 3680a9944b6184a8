"""A process that was declared dead is heard again: its spans run on.

A process that writes to Redis itself reports its open spans again when it finds its heartbeat gone. One that sends
starts over OTLP never sees its heartbeat, so this is done for it, from what is stored.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail_exporters.model import keys
from spantail_exporters.model.changes import Change
from spantail_exporters.model.event import dumps
from spantail_exporters.model.rules.layers import layers_of
from spantail_service.reaper.abandonment import RUNNER_DIED
from spantail_service.storage.run_writes import RunChanges, RunStore, now_us

if TYPE_CHECKING:
    from redis.asyncio import Redis

logger = logging.getLogger(__name__)

_PAGE: Final = 256
_RUNS: Final = 1_000  # most runs that are gone through

_ABANDONED_SPANS: Final = """
-- The abandoned spans of one page of a snapshot; it may hold many others, which stay here.
local page = redis.call('HSCAN', KEYS[1], ARGV[1], 'COUNT', ARGV[2])
local found = { page[1] }
for i = 2, #page[2], 2 do
  if string.match(page[2][i], '^{"rev":%d+,"status":"abandoned"') then found[#found + 1] = page[2][i] end
end
return found
"""


class Revival:
    """Makes abandoned spans run on."""

    def __init__(self, redis: Redis, store: RunStore) -> None:
        self._redis = redis
        self._store = store

    async def of(self, runner: str) -> None:
        """Let the spans of `runner` that were abandoned as a dead process' run on.

        Raises:
            RedisError: Redis cannot be reached.
        """
        run_ids: Any = await self._redis.srandmember(keys.runs_of_runner(runner), _RUNS)
        for run_id in run_ids:
            count = await self._revive(run_id.decode(), runner)
            if count:
                logger.info("runner %r is heard again: %d spans of run %s run on", runner, count, run_id.decode())

    async def _revive(self, run_id: str, runner: str) -> int:
        spans, cursor, count = keys.run_keys(run_id).spans, 0, 0
        while True:
            page: Any = self._redis.eval(_ABANDONED_SPANS, 1, spans, str(cursor), str(_PAGE))
            cursor, *states = await page
            now = now_us()
            changes = [change for state in states if (change := revived(orjson.loads(state), runner, now))]
            for i in range(0, len(changes), _PAGE):
                await self._store.append([RunChanges(run_id, changes[i : i + _PAGE])])
            count += len(changes)
            if int(cursor) == 0:
                return count


def revived(held: dict[str, Any], runner: str, now: int) -> Change | None:
    """The change that lets an abandoned span run on; None where it is none of `runner`, or was given up otherwise."""
    abandonment = held.pop("abandoned", None)
    if held.get("runner") != runner or not isinstance(abandonment, dict) or abandonment.get("reason") != RUNNER_DIED:
        return None
    # the revision stays: whatever the process sends next is newer
    body = {**held, "status": "running", "ts": now, "event": f"{held['kind']}_revived", "end": None}
    # its layer runs again, and those that it announced may still begin
    layers = layers_of(body, held.get("attributes") or {})
    return Change(held["span_id"], held.get("parent_id") or "", [dumps(body)], layers=layers)
