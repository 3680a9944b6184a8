"""From spans to the changes that store them, in the format of the live pipeline."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from spantail_exporters.model.changes import Change
from spantail_exporters.model.event import dumps, encode_span_events, encode_state
from spantail_service.bounds.time_slice import LARGE
from spantail_service.ingest.normalise import as_meant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from spantail_exporters.model.event import Encoded
    from spantail_exporters.model.record import SpanRecord
    from spantail_exporters.model.redactor import Redactor
    from spantail_service.ingest.decoding.entries import Tally

logger = logging.getLogger(__name__)

TOGETHER: Final = 32
"""Spans that are handed on together, of a chunk of at most 64 kB."""


def changes_of(
    records: Iterator[SpanRecord | None], redactor: Redactor, tally: Tally
) -> Iterator[list[tuple[str, Change]] | None]:
    """The changes that store spans, each with its run, of a few spans at a time; None and `LARGE` are passed on.

    Handing each one on by itself would take longer than reading it.
    """
    # Read first, then encode: what takes turns span by span is a quarter slower, by the caches of the processor.
    together: list[SpanRecord] = []
    for record in records:
        if record is None or record is LARGE:
            if together:
                yield [made for made in encoded(together, redactor, tally) if made is not None]
                together = []
            yield LARGE if record is LARGE else None
            continue
        together.append(record)
        if len(together) == TOGETHER:
            yield [made for made in encoded(together, redactor, tally) if made is not None]
            together = []
    if together:
        yield [made for made in encoded(together, redactor, tally) if made is not None]


def encoded(records: Sequence[SpanRecord], redactor: Redactor, tally: Tally) -> Iterator[tuple[str, Change] | None]:
    """The change of each span, with its run; None where it cannot be encoded."""
    redactor.learn([record.attributes for record in records])
    for record in records:
        try:
            yield record.run_id, finished_change(record, redactor)
        except (TypeError, ValueError) as error:
            unencodable(error, tally)
            yield None


def unencodable(error: Exception, tally: Tally) -> None:
    """Count a span that cannot be encoded, which must not take the others with it."""
    # The error's text is not logged: it may hold what could not be encoded.
    logger.warning("a span could not be encoded: %s", type(error).__name__)
    tally.reject("A span holds a value that cannot be encoded.")


def finished_change(record: SpanRecord, redactor: Redactor) -> Change:
    """The change that stores a finished span, with its span events.

    Its revision is 1, so that it loses against whatever a live writer sent last about the same span.
    """
    record = as_meant(record)
    return change_of(record, finished_state(record, redactor))


def finished_state(record: SpanRecord, redactor: Redactor) -> Encoded:
    """The state of a finished span, or of one that Logfire says has begun."""
    return encode_state(record, 1, redactor, event="_start" if record.end_us is None else None)


def change_of(record: SpanRecord, state: Encoded) -> Change:
    """The change that brings a state of a span."""
    span_events = encode_span_events(state, state.noted) if record.span_events else ()
    events = [*span_events, dumps(state.body)]
    return Change(  # by position: it is quicker
        record.span_id,
        record.parent_id or "",
        events,
        len(span_events),
        state.account,
        state.layers,
        b"",
        state.sources,
    )
