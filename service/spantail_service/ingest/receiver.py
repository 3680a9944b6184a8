"""From an OTLP request to Redis: decode, encode, store; answered only once it is stored."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, NamedTuple

from spantail_exporters.event import dumps, encode_notes, encode_state
from spantail_exporters.run_script import Change
from spantail_service.ingest.decode import decode_traces
from spantail_service.store import RunChanges, RunStore

if TYPE_CHECKING:
    from spantail_exporters.record import Redactor, SpanRecord

logger = logging.getLogger(__name__)

_IN_PLACE_BYTES = 16_384  # below it, handing the work to a thread costs more than it saves
_AT_A_TIME = 4  # requests that are decoded at once: bounds the memory that decoding takes


class Received(NamedTuple):
    """The outcome of a request: how many spans were rejected, and why."""

    rejected: int
    reason: str


class TraceReceiver:
    """Takes OTLP trace requests."""

    def __init__(self, store: RunStore, redactor: Redactor) -> None:
        self._store = store
        self._redactor = redactor
        self._slots = asyncio.Semaphore(_AT_A_TIME)

    async def receive(self, body: bytes) -> Received:
        """Store the spans of a request; returns when Redis has them.

        Spans are known by trace and span id: a request that comes twice changes nothing.

        Raises:
            MalformedRequestError: nothing was stored.
            redis.exceptions.RedisError: Redis cannot be reached; some may be stored, all may be sent again.
        """
        async with self._slots:
            if len(body) <= _IN_PLACE_BYTES:
                runs, outcome = self._changes(body)
            else:
                runs, outcome = await asyncio.to_thread(self._changes, body)
            await self._store.append(runs)
        return outcome

    def _changes(self, body: bytes) -> tuple[list[RunChanges], Received]:
        decoded = decode_traces(body)
        rejected, reason = decoded.rejected, decoded.reason
        by_run: dict[str, list[Change]] = {}
        for record in decoded.records:
            try:
                change = finished_change(record, self._redactor)
            except (TypeError, ValueError) as error:
                # One span that cannot be said in JSON must not take the others with it.
                logger.warning("a span could not be encoded: %s", error)
                rejected, reason = rejected + 1, "A span holds a value that cannot be encoded."
                continue
            by_run.setdefault(record.run_id, []).append(change)
        runs = [RunChanges(run_id, changes) for run_id, changes in by_run.items()]
        return runs, Received(rejected, reason)


def finished_change(record: SpanRecord, redactor: Redactor) -> Change:
    """The change that brings a finished span, with its span events, in the shape of the live pipeline.

    Its revision is 1, so that it loses against whatever a live writer said last about the same span.
    """
    state = encode_state(record, 1, redactor)
    notes = encode_notes(state, state.noted)
    events = [*notes, dumps(state.body)]
    return Change(record.span_id, record.parent_id or "", events, len(notes), state.account, state.layers)
