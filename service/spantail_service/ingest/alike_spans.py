"""Spans of OTLP's protobuf encoding to the changes that store them: those that are alike by the pattern of one.

Where the bytes of a span are those of an earlier one of its name, but for ids, times and values
(`decoding/span_bytes.py`), nothing is to be decided that was not decided for that one: what differs is filled into the
text of its state (`alike_columns`). All other spans are read and encoded one by one, as in
`span_changes`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from spantail_exporters.model.pattern import is_copied, pattern_of
from spantail_service.bounds.time_slice import LARGE
from spantail_service.ingest.alike_columns import Alike
from spantail_service.ingest.decoding.entries import BAD_CONTENT
from spantail_service.ingest.decoding.known_texts import KnownTexts, Numbers
from spantail_service.ingest.decoding.plan import Plan
from spantail_service.ingest.decoding.protobuf_messages import Span, Spans
from spantail_service.ingest.decoding.protobuf_spans import (
    items_of,
    read_chunks,
    read_record,
)
from spantail_service.ingest.decoding.protobuf_walk import SPAN, fields
from spantail_service.ingest.decoding.span_bytes import MOST_BYTES, name_in, span_bytes_of
from spantail_service.ingest.normalise import SPAN_TYPE, as_meant
from spantail_service.ingest.span_changes import TOGETHER, change_of, encoded, finished_state, unencodable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantail_exporters.model.changes import Change
    from spantail_exporters.model.event import Encoded
    from spantail_exporters.model.record import SpanRecord
    from spantail_exporters.model.redactor import Redactor
    from spantail_service.ingest.decoding.entries import KnownGroups, Source, Tally

_ALIKE_TOGETHER: Final = 128  # spans: a millisecond; those that are read one by one take ten times as long
_MOST_OF_NAME: Final = 6  # patterns that are tried on a span, the last one that fitted first
_MOST_PATTERNS: Final = 256
_MOST_SOURCES: Final = 1_000
_MOST_COUNTED: Final = 1_024
_TIMES_SEEN: Final = 4  # until spans with these attributes are worth a pattern
_SPANS_BETWEEN: Final = 128  # an expression takes as long to make as so many spans to read
_SPANS_BETWEEN_IF_FULL: Final = 4_096
_NONE: Final[list[Alike]] = []


class AlikeSpans:
    """Encodes spans by what it has learned of earlier ones. For one redactor; used by the event loop's thread."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._texts = KnownTexts(redactor)
        self._numbers = Numbers()
        self._sources: dict[Source, dict[bytes, list[Alike]]] = {}  # by the names of the spans
        self._seen: dict[tuple[str, ...], int] = {}  # spans that were read one by one, by the names of their attributes
        self._count = 0
        self._until_next = 0
        """Spans that are still to come before the next pattern is made."""
        self._are_alike = False
        """Whether those that were encoded together the last time all had a pattern."""

    def changes_in(
        self, body: bytes, tally: Tally, known: KnownGroups | None
    ) -> Iterator[list[tuple[str, Change]] | None]:
        """The changes that store the spans of a request, as `changes_of` gives them for those of `decode_traces`.

        Raises:
            MalformedRequestError: the body is no such message; before the first span.
            TooManyError: it holds more than is taken; before the first span.
        """
        plan = Plan(body, "spans")
        is_large = False
        for source, chunk in read_chunks(plan, SPAN, tally, known):
            if source is None:
                is_large = chunk is LARGE
                yield chunk
            elif is_large:  # this is not the event loop's thread
                spans = items_of(plan, chunk, Spans, Span, tally)
                records = (record for span in spans if span and (record := read_record(span, source, tally)))
                yield [made for made in encoded(list(records), self._redactor, tally) if made is not None]
            else:
                places = [(start, stop) for _, _, start, stop in fields(body, chunk.start, chunk.end)]
                while places:
                    count = _ALIKE_TOGETHER if self._are_alike else TOGETHER
                    yield self._encode(source, body, places[:count], tally)
                    places = places[count:]

    def _encode(
        self, source: Source, data: bytes, places: list[tuple[int, int]], tally: Tally
    ) -> list[tuple[str, Change]]:
        patterns = self._sources.get(source)
        if patterns is None:
            if len(self._sources) >= _MOST_SOURCES:
                self._forget()
            patterns = self._sources[source] = {}
        self._until_next -= len(places)
        found: dict[Alike, tuple[list[int], list[tuple[bytes, ...]]]] = {}  # which spans, and the groups of each
        unlike: list[int] = []
        for place, (start, stop) in enumerate(places):
            of_name = patterns.get(name_in(data, start, stop), _NONE)
            for number, alike in enumerate(of_name):
                match = alike.match(data, start, stop)
                if match is not None:
                    if alike not in found:
                        found[alike] = [], []
                    at, groups = found[alike]
                    at.append(place)
                    groups.append(match.groups())
                    if number:
                        of_name.insert(0, of_name.pop(number))
                    break
            else:
                unlike.append(place)
        # the texts of all are looked at together
        columns = [(alike, at, list(zip(*groups, strict=True))) for alike, (at, groups) in found.items()]
        self._texts.learn(set().union(*(alike.texts(of_spans) for alike, _, of_spans in columns)))
        made: list[tuple[str, Change] | None] = [None] * len(places)
        for alike, at, of_spans in columns:
            for place, change in zip(at, alike.changes(of_spans), strict=True):
                if change is None:
                    unlike.append(place)
                else:
                    made[place] = change
        self._are_alike = not unlike
        if self._are_alike:
            return made  # type: ignore[return-value]
        others: list[tuple[int, bytes, SpanRecord]] = []
        for place in sorted(unlike):
            start, stop = places[place]
            item = data[start:stop]
            if (record := _record_in(item, source, tally)) is not None:
                others.append((place, item, record))
        self._redactor.learn([record.attributes for _, _, record in others])
        for place, item, record in others:
            try:
                made[place] = self._encode_one(item, record, patterns)
            except (TypeError, ValueError) as error:
                unencodable(error, tally)
        return [one for one in made if one is not None]

    def _encode_one(self, item: bytes, record: SpanRecord, patterns: dict[bytes, list[Alike]]) -> tuple[str, Change]:
        meant = as_meant(record)
        state = finished_state(meant, self._redactor)
        if meant is record and len(item) <= MOST_BYTES and self._is_worth_a_pattern(tuple(record.attributes)):
            self._learn(item, record, state, patterns)
        return record.run_id, change_of(meant, state)

    def _is_worth_a_pattern(self, names: tuple[str, ...]) -> bool:
        seen = self._seen.get(names, 0) + 1
        if len(self._seen) >= _MOST_COUNTED:
            self._seen.clear()
        self._seen[names] = seen
        if seen < _TIMES_SEEN or self._until_next > 0:
            return False
        self._seen[names] = 0
        return True

    def _forget(self) -> None:
        self._sources.clear()
        self._count = 0

    def _learn(self, item: bytes, record: SpanRecord, state: Encoded, patterns: dict[bytes, list[Alike]]) -> None:
        # where there are more kinds than patterns, each new one takes the place of one that is used
        name = name_in(item, 0, len(item))
        of_name = patterns.get(name) or []
        self._until_next = _SPANS_BETWEEN if len(of_name) < _MOST_OF_NAME else _SPANS_BETWEEN_IF_FULL
        if not self._redactor.keeps(list(record.attributes)) or SPAN_TYPE in record.attributes:
            return
        common = span_bytes_of(item, is_copied)
        if common is None:
            return
        pattern = pattern_of(state, record, [gap.name for gap in common.gaps])
        if pattern is None:
            return
        made = Alike(common, pattern, self._texts, self._numbers)
        if self._count >= _MOST_PATTERNS:
            self._forget()
        self._count += 1
        patterns[name] = of_name
        of_name.insert(0, made)
        del of_name[_MOST_OF_NAME:]


def _record_in(item: bytes, source: Source, tally: Tally) -> SpanRecord | None:
    """Read a span; None where it is rejected."""
    try:
        span = Span.FromString(item)
    except DecodeError:
        tally.reject(BAD_CONTENT)
        return None
    return read_record(span, source, tally)
