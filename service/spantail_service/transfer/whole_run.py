"""Everything that is held of a run, read piece by piece."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import orjson

from spantail_exporters.model import keys

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from redis.asyncio import Redis

_SPANS = 500  # a step: keeps Redis responsive, and what is held here small
_ENTRIES = 16  # of the tail a step; an entry is a batch of events, up to a megabyte of them


async def read_spans(redis: Redis, run_id: str) -> list[bytes]:
    """The latest state of each span as stored, by start, parents first."""
    states = await read_states(redis, run_id)
    # In a thread: parsing 100,000 states takes a second that everybody else would wait for.
    return await asyncio.to_thread(in_order, states)


async def read_span(redis: Redis, run_id: str, span_id: str) -> bytes | None:
    """The latest state of one span as stored; None where the run has no such span."""
    state: Any = await redis.hget(keys.run_keys(run_id).spans, span_id)
    found: bytes | None = state
    return found


async def read_states(redis: Redis, run_id: str, most: int | None = None) -> list[bytes]:
    """The latest state of each span as stored, in no order; with `most`, of so many spans or a few more."""
    found: dict[bytes, bytes] = {}
    cursor = 0
    while True:
        answer: Any = await redis.hscan(keys.run_keys(run_id).spans, cursor, count=_SPANS)
        cursor, page = answer
        found.update(page)  # a scan may return a field twice
        if cursor == 0 or (most is not None and len(found) >= most):
            return list(found.values())


def in_order(states: Iterable[bytes]) -> list[bytes]:
    """States by start, parents first.

    None stays parsed: of a large run they would be millions of objects, and while the garbage collector goes through
    them nobody is served, whichever thread they belong to.
    """
    return sorted(states, key=_place)


def _place(state: bytes) -> bytes:
    span = orjson.loads(state)
    return b"%020d%d%b" % (span["start"], span.get("parent_id") is not None, span["span_id"].encode())


async def read_tail(redis: Redis, run_id: str) -> AsyncIterator[tuple[int, list[bytes]]]:
    """The tail, batch by batch: the first `seq` and the events' JSON as stored (without `seq`)."""
    after = "-"
    while True:
        entries: Any = await redis.xrange(keys.run_keys(run_id).buffer, after, "+", count=_ENTRIES)
        for entry_id, fields in entries:
            count = int(fields[b"n"])
            yield int(entry_id.partition(b"-")[2]) - count, fields[b"b"].split(b"\n")
        if len(entries) < _ENTRIES:
            return
        after = f"({entries[-1][0].decode()}"
