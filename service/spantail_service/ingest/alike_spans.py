"""Spans of OTLP's protobuf encoding to the changes that store them: those that are alike by the pattern of one.

Where the bytes of a span are those of an earlier one of its name, but for ids, times and values
(`decoding/span_bytes.py`), nothing is to be decided that was not decided for that one: what differs is filled into the
text of its state (`spantail_exporters.model.pattern`). All other spans are read and encoded one by one, as in
`span_changes`.
"""

from __future__ import annotations

from binascii import hexlify
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING, Final, NamedTuple

import orjson
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

from spantail_exporters.model.changes import Change
from spantail_exporters.model.pattern import Pattern, is_copied, pattern_of
from spantail_service.bounds.time_slice import LARGE
from spantail_service.ingest.decoding.entries import BAD_CONTENT
from spantail_service.ingest.decoding.known_texts import KnownTexts, Numbers
from spantail_service.ingest.decoding.plan import Plan
from spantail_service.ingest.decoding.protobuf_messages import Span, Spans
from spantail_service.ingest.decoding.protobuf_spans import (
    NO_SPAN_ID,
    NO_TRACE_ID,
    items_of,
    read_chunks,
    read_record,
)
from spantail_service.ingest.decoding.protobuf_walk import SPAN, fields
from spantail_service.ingest.decoding.span_bytes import MOST_BYTES, SpanBytes, name_in, span_bytes_of
from spantail_service.ingest.decoding.span_fields import MOST_NS
from spantail_service.ingest.normalise import SPAN_TYPE, as_meant
from spantail_service.ingest.span_changes import TOGETHER, change_of, encoded, finished_state, unencodable

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from spantail_exporters.model.event import Encoded
    from spantail_exporters.model.record import SpanRecord
    from spantail_exporters.model.redactor import Redactor
    from spantail_service.ingest.decoding.entries import KnownGroups, Source, Tally
    from spantail_service.ingest.decoding.span_bytes import Heads

_MOST_OF_NAME: Final = 6  # patterns that are tried on a span, the last one that fitted first
_MOST_PATTERNS: Final = 256
_MOST_SOURCES: Final = 1_000
_MOST_COUNTED: Final = 1_024
_TIMES_SEEN: Final = 4  # until spans with these attributes are worth a pattern
_SPANS_BETWEEN: Final = 128  # an expression takes as long to make as so many spans to read
_SPANS_BETWEEN_IF_FULL: Final = 4_096
_NONE: Final[list[Alike]] = []
_TIMES: Final = Struct("<QQ")
_DOUBLE: Final = Struct("<d")


class Alike(NamedTuple):
    """A pattern, and the bytes that it is for."""

    match: Callable[[bytes, int, int], re.Match[bytes] | None]
    texts: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]
    """Picks the texts from the groups of a match."""
    ids: Callable[[tuple[bytes, ...]], tuple[bytes, ...]]
    """Picks trace id, span id, start and end."""
    parent_at: int
    """The group of the parent's id; negative without one."""
    heads: list[tuple[int, int, Heads]]
    readers: list[tuple[Callable[[bytes], bytes], int]]
    """How each value that varies becomes JSON, and its group."""
    pattern: Pattern


class AlikeSpans:
    """Encodes spans by what it has learned of earlier ones. For one redactor; used by the event loop's thread."""

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._texts = KnownTexts(redactor)
        self._readers: dict[type, Callable[[bytes], bytes]] = {
            str: self._texts.__getitem__,
            int: Numbers().__getitem__,
            float: _double,
            bool: {b"\0": b"false", b"\1": b"true"}.__getitem__,
        }
        self._sources: dict[Source, dict[bytes, list[Alike]]] = {}  # by the names of the spans
        self._seen: dict[tuple[str, ...], int] = {}  # spans that were read one by one, by the names of their attributes
        self._count = 0
        self._until_next = 0
        """Spans that are still to come before the next pattern is made."""

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
                for first in range(0, len(places), TOGETHER):
                    yield self._encode(source, body, places[first : first + TOGETHER], tally)

    def _encode(
        self, source: Source, data: bytes, places: list[tuple[int, int]], tally: Tally
    ) -> list[tuple[str, Change]]:
        patterns = self._sources.get(source)
        if patterns is None:
            if len(self._sources) >= _MOST_SOURCES:
                self._forget()
            patterns = self._sources[source] = {}
        self._until_next -= len(places)
        # all are read before one is encoded, for their texts are looked at together
        read: list[tuple[Alike, tuple[bytes, ...]] | None] = []
        texts: set[bytes] = set()
        for start, stop in places:
            found = None
            of_name = patterns.get(name_in(data, start, stop), _NONE)
            for place, alike in enumerate(of_name):
                match = alike.match(data, start, stop)
                if match is not None:
                    groups = match.groups()
                    texts.update(alike.texts(groups))
                    found = alike, groups
                    if place:
                        of_name.insert(0, of_name.pop(place))
                    break
            read.append(found)
        self._texts.learn(texts)
        made: list[tuple[str, Change] | None] = []
        others: list[tuple[int, bytes, SpanRecord]] = []
        for found, (start, stop) in zip(read, places, strict=True):
            done = None if found is None else _filled(*found)
            if done is None:
                item = data[start:stop]
                if (record := _record_in(item, source, tally)) is None:
                    continue
                others.append((len(made), item, record))
            made.append(done)
        if not others:
            return made  # type: ignore[return-value]
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
        made = Alike(
            common.match,
            itemgetter(*common.texts, common.texts[0]) if common.texts else _no_texts,  # of one place it gives no tuple
            itemgetter(*common.at[: SpanBytes.PARENT_ID]),
            common.at[SpanBytes.PARENT_ID],
            common.heads,
            [(self._readers[gap.kind], gap.at) for gap in common.gaps],
            pattern,
        )
        if self._count >= _MOST_PATTERNS:
            self._forget()
        self._count += 1
        patterns[name] = of_name
        of_name.insert(0, made)
        del of_name[_MOST_OF_NAME:]


def _filled(alike: Alike, groups: tuple[bytes, ...]) -> tuple[str, Change] | None:
    """The run and the change of a span; None where it is to be read by itself."""
    for head_at, at, heads in alike.heads:
        if groups[head_at] != heads[len(groups[at])]:
            return None
    trace_id, span_id, start, end = alike.ids(groups)
    start_ns, end_ns = _TIMES.unpack(start + end)
    begun, ended = start_ns % 1_000, end_ns % 1_000
    pattern = alike.pattern
    if (
        not start_ns <= end_ns < MOST_NS
        or trace_id == NO_TRACE_ID
        or span_id == NO_SPAN_ID
        or pattern.has_ns != (begun > 0 or ended > 0)
    ):
        return None
    parent = b""
    if alike.parent_at >= 0:
        parent_id = groups[alike.parent_at]
        parent = b"" if parent_id == NO_SPAN_ID else hexlify(parent_id)
    run_id, id_in_hex = hexlify(trace_id), hexlify(span_id)
    try:
        values = [read(groups[at]) for read, at in alike.readers]
        done = pattern.fill(run_id, id_in_hex, parent, start_ns // 1_000, end_ns // 1_000, (begun, ended), values)
    except (KeyError, ValueError):  # a text that is not clean; a number that JSON does not have
        return None
    if done is None:
        return None
    line, account, sources = done
    return run_id.decode(), Change(id_in_hex.decode(), parent.decode(), (line,), 0, account, b"", b"", sources)


def _no_texts(_groups: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return ()


def _double(data: bytes) -> bytes:
    text = orjson.dumps(_DOUBLE.unpack(data)[0])
    if text == b"null":
        raise ValueError("no number of JSON")
    return text


def _record_in(item: bytes, source: Source, tally: Tally) -> SpanRecord | None:
    """Read a span; None where it is rejected."""
    try:
        span = Span.FromString(item)
    except DecodeError:
        tally.reject(BAD_CONTENT)
        return None
    return read_record(span, source, tally)
