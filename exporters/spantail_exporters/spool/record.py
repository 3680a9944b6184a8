"""A batch as a record in a file: length, CRC-32, a JSON header, then the events' own bytes. No pickle.

A record that was cut off or changed on disk is recognised as such: no part of its batch is used.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import Any, Final

import orjson

from spantail_exporters.model.batch import Batch, Known
from spantail_exporters.model.changes import Changes

MAGIC: Final = b"spantl\x00\x01"  # how a file of records begins; the last byte is the format's version
_HEAD: Final = struct.Struct("<II")  # length of the payload, its CRC-32
_SIZE: Final = struct.Struct("<I")  # length of the header within the payload


def encode(batch: Batch) -> bytes:
    """Make the record of a batch."""
    changes = list(batch.changes)
    header = orjson.dumps({
        "run": batch.run_id,
        "writer": batch.writer,
        "seq": batch.writer_seq,
        "drops": dict(batch.drops),
        "known": list(batch.known or ()),
        "changes": [
            [c.span_id, c.parent_id, c.span_events, c.account, len(c.layers), len(c.state), [len(e) for e in c.events]]
            for c in changes
        ],
        "sources": {field: entry.decode() for field, entry in batch.changes.sources.items()},
    })  # fmt: skip
    parts = [_SIZE.pack(len(header)), header]
    for change in changes:
        parts += (change.layers, change.state, *change.events)
    payload = b"".join(parts)
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def read(descriptor: int, offset: int, size: int) -> tuple[Batch | None, int]:
    """Read the record at `offset` of a file of which `size` bytes count.

    Returns:
        Its batch, None when it is damaged, and where the next one begins.

    Raises:
        OSError: The disk cannot be read.
    """
    head = os.pread(descriptor, _HEAD.size, offset)
    if len(head) < _HEAD.size:
        return None, size
    length, crc = _HEAD.unpack(head)
    end = offset + _HEAD.size + length
    if length < _SIZE.size or end > size:
        return None, size  # torn, or not even a length: where another one would begin is unknown
    payload = os.pread(descriptor, length, offset + _HEAD.size)
    if len(payload) != length or zlib.crc32(payload) != crc:
        return None, end
    try:
        return _decode(payload), end
    except (ValueError, TypeError, KeyError, struct.error):  # whole, but not of this version
        return None, end


def _decode(payload: bytes) -> Batch:
    position = _SIZE.size + _SIZE.unpack_from(payload)[0]
    header: dict[str, Any] = orjson.loads(payload[_SIZE.size : position])

    def take(length: int) -> bytes:
        nonlocal position
        position += length
        return payload[position - length : position]

    changes = Changes()
    for span_id, parent_id, span_events, account, layers_size, state_size, sizes in header["changes"]:
        layers, state = take(layers_size), take(state_size)
        changes.add(span_id, parent_id, [take(size) for size in sizes], span_events, account, layers, state)
    # absent in what an earlier version wrote
    changes.add_sources({field: entry.encode() for field, entry in header.get("sources", {}).items()})
    known = header.get("known")
    return Batch(
        header["run"], header["writer"], header["seq"], changes, header["drops"], Known(*known) if known else None
    )
