"""Spans of Logfire as what they mean: names filled in, live starts recognised (pure)."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from spantail_exporters.model.record import SpanRecord

SPAN_TYPE: Final = "logfire.span_type"
"""Logfire's own; a span without it means what it says."""
_PENDING: Final = "pending_span"
_REAL_PARENT: Final = "logfire.pending_parent_id"
_NO_PARENT: Final = "0" * 16
_SPAN_ID: Final = re.compile(r"[0-9a-f]{16}")
_MESSAGE: Final = "logfire.msg"
_TEMPLATE: Final = "logfire.msg_template"


def as_meant(record: SpanRecord) -> SpanRecord:
    """The span that `record` means: most often itself; for a pending span of Logfire, the open span.

    Logfire names its spans by templates; the filled-in text is what it shows, and what is shown here. The name that
    was sent is kept as `name_told`.
    """
    attributes = record.attributes
    if SPAN_TYPE not in attributes:
        return record
    message = attributes.get(_MESSAGE)
    if isinstance(message, str) and message and "{" in record.name and attributes.get(_TEMPLATE) == record.name:
        record = replace(record, name=message, fields={**(record.fields or {}), "name_told": record.name})
    return _live_start(record) if attributes[SPAN_TYPE] == _PENDING else record


def _live_start(record: SpanRecord) -> SpanRecord:
    """The open span that a Logfire pending span announces.

    Logfire announces a span's start by an ended span of no length, with an id of its own, below the span it announces
    (`logfire._internal.tracer.PendingSpanProcessor`). What it stands for has that parent's id, the parent in
    `logfire.pending_parent_id` (zeros for a root), and no end yet.
    """
    if record.parent_id is None:
        return record
    own: dict[str, Any] = {**record.attributes, SPAN_TYPE: "span"}
    parent = own.pop(_REAL_PARENT, None)
    known = isinstance(parent, str) and _SPAN_ID.fullmatch(parent) is not None
    return replace(
        record,
        span_id=record.parent_id,
        parent_id=parent if known and parent != _NO_PARENT else None,
        end_us=None,
        attributes=own,
    )
