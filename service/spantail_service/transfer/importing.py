"""A run from a file into Redis."""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from spantail_exporters.model.run_script import SCRIPT, append_arguments
from spantail_service.bounds.chunks import CHUNK_BYTES, size_of
from spantail_service.bounds.time_slice import in_slices
from spantail_service.errors import ConflictError, TooLargeError
from spantail_service.ingest.decoding.body import DecodedTooLargeError, MalformedRequestError, gunzip
from spantail_service.ingest.decoding.entries import Tally
from spantail_service.ingest.decoding.json_items import decode_traces_json
from spantail_service.ingest.span_changes import changes_of
from spantail_service.storage.run_flags import mark_imported
from spantail_service.storage.run_writes import RunChanges, RunStore, now_us
from spantail_service.transfer import ndjson

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from spantail_exporters.model.changes import Change
    from spantail_exporters.model.redactor import Redactor

MAX_RUNS = 1_000
"""Runs that one file may hold."""

_TAKEN = "This route takes OTLP traces in JSON (resourceSpans) and NDJSON as exported here, each also as gzip with its \
Content-Encoding."
_MAGIC = {b"PK\x03\x04": "a zip file", b"\x1f\x8b": "gzip without Content-Encoding: gzip", b"%PDF": "PDF",
          b"SQLite format 3": "an SQLite database", b"\x28\xb5\x2f\xfd": "zstd", b"<": "HTML or XML",
          b"[": "a JSON array, as of a Chrome or Zipkin trace"}  # fmt: skip
_CHROME = re.compile(rb'\s*+\{\s*+"(?:traceEvents|displayTimeUnit|otherData|stackFrames)"')
_MOST_REASONS, _REASON_LENGTH = 50, 100
_MOST_LOST = 2**53  # events: the whole numbers that JavaScript holds exactly
_AT_A_TIME = 2  # files that are read at once: bounds the memory that reading takes


class Imported(NamedTuple):
    """What became of a file: its runs, how many spans could not be taken, and why the first of them could not."""

    run_ids: list[str]
    rejected: int
    reason: str


class RunImporter:
    """Takes runs in that were exported, here or by any writer of OTLP JSON."""

    def __init__(self, redis: Redis, store: RunStore, redactor: Redactor) -> None:
        self._redis = redis
        self._store = store
        self._redactor = redactor
        self._slots = asyncio.Semaphore(_AT_A_TIME)
        self._one_large = asyncio.Lock()
        self._one_file = asyncio.Lock()

    async def take(self, body: bytes, limit: int, *, is_gzip: bool = False) -> Imported:
        """Store the runs of an OTLP JSON request, or of one run's NDJSON; returns when Redis has them.

        `limit` is the largest size once unzipped, in bytes. Few are unzipped at a time: the others wait as they came,
        still packed.

        Spans of OTLP are known by their ids, so that a file may be taken twice. Log lines are not: NDJSON of a run
        that is here is refused.

        Raises:
            MalformedRequestError: nothing was stored.
            DecodedTooLargeError, TooManyError: nothing was stored.
            ConflictError: the file is NDJSON of a run that is here.
            TooLargeError: the file holds too many runs.
            redis.exceptions.RedisError: Redis cannot be reached; some may be stored.
        """
        async with self._slots:
            if is_gzip:
                body = await asyncio.to_thread(gunzip, body, limit)
            elif len(body) > limit:
                raise DecodedTooLargeError(limit)
            if other := _other_format(body):
                raise MalformedRequestError(f"The file looks like {other}. {_TAKEN}")
            if ndjson.is_ndjson(body):
                async with self._one_file:  # it is held as a whole, in some eight times its size
                    return await self._take_ndjson(body)
            return await self._take_otlp(body)

    async def _take_otlp(self, body: bytes) -> Imported:
        run_ids: dict[str, None] = {}
        tally = Tally()
        # once over it, before anything is stored
        async for record in in_slices(decode_traces_json(body, tally), self._one_large):
            run_ids[record.run_id] = None
            if len(run_ids) > MAX_RUNS:
                raise TooLargeError(f"A file may hold {MAX_RUNS} runs, this has more.", kind="too-many-runs-in-file")
        if tally.reason and not tally.rejected:
            raise MalformedRequestError(f"{tally.reason} {_TAKEN}")
        for run_id in run_ids:
            await self._mark(run_id, {})
        tally = Tally()
        runs: dict[str, list[Change]] = {}
        waiting = 0
        parts = changes_of(decode_traces_json(body, tally), self._redactor, tally)
        async for made in in_slices(parts, self._one_large):
            for run_id, change in made:
                runs.setdefault(run_id, []).append(change)
                waiting += size_of(change)
            if waiting >= CHUNK_BYTES:
                await self._store.append([RunChanges(run_id, changes) for run_id, changes in runs.items()])
                runs, waiting = {}, 0
        await self._store.append([RunChanges(run_id, changes) for run_id, changes in runs.items()])
        return Imported(list(run_ids), tally.rejected, tally.reason)

    async def _take_ndjson(self, body: bytes) -> Imported:
        # On a thread of its own, which ends: the next one takes over its memory, those of a pool each keep theirs.
        thread = ThreadPoolExecutor(1, "spantail-import")
        try:
            file = await asyncio.get_running_loop().run_in_executor(thread, ndjson.read, body, self._redactor)
        finally:
            thread.shutdown(wait=False)
        if not file.changes:
            return Imported([], 0, "The file holds no event.")
        if not await self._mark(file.run_id, file.summary):
            raise ConflictError(
                "This run is here already, and its log lines would be stored twice. Delete it first.",
                kind="run-exists",
                data={"run_id": file.run_id},
            )
        # A writer that numbers its calls: lines and losses come once, though redis-py send a call again.
        writer, numbers = f"import:{secrets.token_hex(4)}", itertools.count(1)
        if drops := _drops(file.summary, self._redactor):
            lost = append_arguments(
                file.run_id, (), writer=writer, writer_seq=next(numbers), now_us=now_us(), drops=drops
            )
            await self._execute("EVAL", SCRIPT, *lost[1:])
        await self._store.append([RunChanges(file.run_id, file.changes, writer, numbers)])
        return Imported([file.run_id], 0, "")

    async def _mark(self, run_id: str, summary: dict[str, Any]) -> bool:
        """Say beforehand of a run that it is an import; False when it is here, and so is none."""
        marks: dict[str, str | int] = {}
        if isinstance(operation := summary.get("operation"), str) and operation:
            marks["state_operation"] = orjson.dumps(self._redactor.text(operation)[:1_000])[1:-1].decode()
        if summary.get("maybe_incomplete") is True:
            marks["maybe_incomplete"] = 1
        return bool(await self._execute(*mark_imported(run_id, marks)))

    async def _execute(self, *command: Any) -> Any:
        execute: Any = self._redis.execute_command  # redis-py has no types for it
        return await execute(*command)


def _other_format(body: bytes) -> str:
    """What a file is that is known and not taken; empty when nobody knows. A guess from how it begins."""
    if _CHROME.match(body):
        return "a Perfetto or Chrome trace"
    begin = body[:256].lstrip()
    return next((name for magic, name in _MAGIC.items() if begin.startswith(magic) and begin != b"[]"), "") or (
        "protobuf or another binary format, or a table (CSV), not JSON"
        if begin and not begin.startswith((b"{", b"["))
        else ""
    )


def _drops(summary: dict[str, Any], redactor: Redactor) -> dict[str, int]:
    """What the run had lost before it was exported."""
    dropped = summary.get("dropped")
    if not isinstance(dropped, dict):
        return {}
    return {
        redactor.text(reason): count
        for reason, count in list(dropped.items())[:_MOST_REASONS]
        if reason.replace("_", "").isalnum()
        and len(reason) <= _REASON_LENGTH
        and type(count) is int
        and 0 < count < _MOST_LOST
    }
