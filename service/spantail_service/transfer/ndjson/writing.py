"""The lines of a run's NDJSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from spantail_service.transfer.ndjson.schema import FORMAT, VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.runs.sources import Sources


def header(run: Mapping[str, Any]) -> bytes:
    """Make the first line, from the run's summary."""
    return orjson.dumps({"format": FORMAT, "version": VERSION, "run": run}) + b"\n"


def source_lines(sources: Sources) -> bytes:
    """Make the lines that say what spans come from."""
    fields = {f"r:{name}": table for name, table in sources.resources.items()}
    fields |= {f"s:{name}": table for name, table in sources.scopes.items()}
    return b"".join(orjson.dumps({"source": field, **table}) + b"\n" for field, table in fields.items())


def lines(first_seq: int, events: list[bytes]) -> bytes:
    """Make lines of a batch of the tail: events as stored, the first of which has the number `first_seq`."""
    return b"".join(b'{"seq":%d,%b\n' % (seq, event[1:]) for seq, event in enumerate(events, first_seq))
