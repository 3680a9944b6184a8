"""From an OTLP request to Redis: decode, encode, store; answered only once it is stored."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from spantail_service.bounds.byte_budget import ByteBudget
from spantail_service.bounds.chunks import CHUNK_BYTES
from spantail_service.bounds.time_slice import in_slices
from spantail_service.ingest.alike_spans import AlikeSpans
from spantail_service.ingest.decoding.body import DecodedTooLargeError, gunzip
from spantail_service.ingest.decoding.entries import KnownGroups, Received, Signal, Tally
from spantail_service.ingest.decoding.json_items import decode_logs_json, decode_traces_json
from spantail_service.ingest.decoding.protobuf_logs import decode_logs
from spantail_service.ingest.log_receiver import LogReceiver
from spantail_service.ingest.span_changes import changes_of
from spantail_service.storage.run_writes import RunChanges, RunStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from redis.asyncio import Redis

    from spantail_exporters.model.changes import Change
    from spantail_exporters.model.redactor import Redactor

_AT_A_TIME: Final = 4  # requests that are decoded at once: bounds the memory that decoding takes
_LARGEST_WAITING: Final = 8  # … and requests of the largest size whose bytes may wait
_IN_PLACE_BYTES: Final = 65_536  # below it, handing the unzipping to a thread costs more than it saves
_JSON_BYTES: Final = 16_777_216  # parsing JSON holds everything else up: 100 ms for so much
_STORED_AT_ONCE: Final = 512  # spans; while Redis has them, the next ones are decoded


class OtlpReceiver:
    """Takes OTLP requests of every kind.

    `budget` bounds the bytes of bodies, for whoever reads them from the network.

    Args:
        redis: Where runs are stored.
        redactor: Removes secrets from what is stored.
        max_bytes: The largest request as sent.
        max_decoded_bytes: The largest request once unzipped.
        ingested: Called after each request with signal, items accepted, items rejected.
    """

    def __init__(
        self,
        redis: Redis,
        redactor: Redactor,
        *,
        max_bytes: int,
        max_decoded_bytes: int,
        ingested: Callable[[str, int, int], None] = lambda _signal, _accepted, _rejected: None,
    ) -> None:
        self._store = RunStore(redis)
        self._redactor = redactor
        self._alike = AlikeSpans(redactor)
        self._known = KnownGroups(), KnownGroups()  # of protobuf, of JSON
        self._max_decoded_bytes = max_decoded_bytes
        self._ingested = ingested
        self._slots = asyncio.Semaphore(_AT_A_TIME)
        self._one_large = asyncio.Lock()
        self._logs = LogReceiver(redis, self._store, redactor, self._one_large)
        self.budget = ByteBudget(_LARGEST_WAITING * max_bytes)
        self.counts: Counter[str] = Counter()
        """Since the start of this process: `traces`, `logs`, `starts`, `heartbeats` taken; `…rejected` and
        `…passed_over.<reason>` not; `sender_dropped.<reason>` what senders say they lost."""

    @property
    def passed_over(self) -> int:
        """Items that were no error and are not stored: live already, without a span, of an unsampled trace."""
        return sum(count for name, count in self.counts.items() if ".passed_over." in name)

    async def receive(self, signal: Signal, body: bytes, *, is_gzip: bool = False, is_json: bool = False) -> Received:
        """Store what a request holds; returns when Redis has it.

        Spans are known by trace and span id: a request that comes twice changes nothing. Log lines of a request whose
        bytes came before are not stored again.

        Raises:
            MalformedRequestError: nothing was stored.
            DecodedTooLargeError: nothing was stored.
            redis.exceptions.RedisError: Redis cannot be reached; some may be stored, all may be sent again.
        """
        async with self._slots:
            limit = min(self._max_decoded_bytes, _JSON_BYTES) if is_json else self._max_decoded_bytes
            if is_gzip:
                small = len(body) <= _IN_PLACE_BYTES
                body = gunzip(body, limit) if small else await asyncio.to_thread(gunzip, body, limit)
            elif len(body) > limit:
                raise DecodedTooLargeError(limit)
            tally = Tally()
            if signal is Signal.TRACES:
                known = self._known[is_json]
                if is_json:
                    parts = changes_of(decode_traces_json(body, tally, known), self._redactor, tally)
                else:
                    parts = self._alike.changes_in(body, tally, known)
                taken = await self._take_spans(parts)
                self.counts["traces"] += taken
            else:
                entries = (decode_logs_json if is_json else decode_logs)(body, tally, self._known[is_json])
                counts = await self._logs.take(entries, body, tally)
                self.counts.update(counts)
                taken = sum(counts[kind] for kind in ("logs", "starts", "heartbeats"))
        self._ingested(signal.value, taken, tally.rejected)
        self.counts[f"{signal.value}.rejected"] += tally.rejected
        for reason, count in tally.passed_over.items():
            self.counts[f"{signal.value}.passed_over.{reason}"] += count
        return Received(tally.rejected, tally.reason)

    async def _take_spans(self, parts: Iterator[list[tuple[str, Change]] | None]) -> int:
        by_run: dict[str, list[Change]] = {}
        taken = waiting = waiting_bytes = 0
        storing: asyncio.Task[None] | None = None
        try:
            async for made in in_slices(parts, self._one_large):
                taken += len(made)
                waiting += len(made)
                for run_id, change in made:
                    waiting_bytes += len(change.events[-1])  # its state; span events are mostly few
                    changes = by_run.get(run_id)
                    if changes is None:
                        by_run[run_id] = [change]
                    else:
                        changes.append(change)
                if waiting >= _STORED_AT_ONCE or waiting_bytes >= CHUNK_BYTES:
                    if storing is not None:
                        await storing
                    storing = asyncio.create_task(self._store.append(_runs(by_run)))
                    by_run = {}
                    waiting = waiting_bytes = 0
        finally:
            if storing is not None:
                await storing
        if by_run:
            await self._store.append(_runs(by_run))
        return taken


def _runs(by_run: dict[str, list[Change]]) -> list[RunChanges]:
    return [RunChanges(run_id, changes) for run_id, changes in by_run.items()]
