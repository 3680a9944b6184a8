"""OTLP's JSON encoding, into the same records as its protobuf (pure).

OTLP specification 1.x, section "JSON Protobuf Encoding": protobuf's JSON mapping with ids in hex, enums as integers,
keys in lowerCamelCase, unknown fields ignored. 64-bit integers are decimal strings, and numbers are taken too.
A field of the wrong type makes its span or record malformed, and that one is rejected; a structure above it that is
no such structure makes the whole request malformed.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from typing import TYPE_CHECKING, Any, Final

import orjson

from spantail_exporters.model import sources
from spantail_exporters.model.record import Link, Note, SpanRecord, microseconds
from spantail_service.bounds.time_slice import LARGE
from spantail_service.ingest.decoding.entries import (
    BAD_CONTENT,
    BAD_ID,
    KnownGroups,
    LargeEntry,
    LogEntry,
    Source,
    SourceReader,
    Tally,
)
from spantail_service.ingest.decoding.json_walk import json_items, json_plan
from spantail_service.ingest.decoding.plan import Piece, Plan
from spantail_service.ingest.decoding.protobuf_spans import STATUS_CODE_ERROR, say_if_nothing
from spantail_service.ingest.decoding.protobuf_values import once
from spantail_service.ingest.decoding.span_fields import (
    KINDS,
    STATUS_CODE_OK,
    dropped_of,
    link_facts,
    note_facts,
    span_facts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TRACE_ID: Final = re.compile(r"(?!0{32})[0-9a-fA-F]{32}")
_SPAN_ID: Final = re.compile(r"(?!0{16})[0-9a-fA-F]{16}")
_NO_SPAN_ID: Final = "0" * 16
_LINKED_TRACE: Final = re.compile(r"[0-9a-f]{32}")
_LINKED_SPAN: Final = re.compile(r"[0-9a-f]{16}")
_KINDS: Final = {f"SPAN_KIND_{name.upper()}": number for number, name in enumerate(KINDS) if number}
_STATUS_CODES: Final = {"STATUS_CODE_OK": STATUS_CODE_OK, "STATUS_CODE_ERROR": STATUS_CODE_ERROR}
_INTEGER: Final = re.compile(r"-?[0-9]{1,20}")
_SPECIAL_DOUBLES: Final = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
_URL_SAFE: Final = str.maketrans("-_", "+/")
_UINT32: Final = 2**32
_INT32: Final = 2**31
_UINT64: Final = 2**64
_INT64_MIN: Final = -(2**63)
_DEEPEST: Final = 100  # protobuf's own limit
_SCHEMA_URL: Final = "schemaUrl"

_NAMES: Final = {
    "spans": ("resourceSpans", "scopeSpans", "spans"),
    "log records": ("resourceLogs", "scopeLogs", "logRecords"),
}


class _WrongTypeError(ValueError):
    """A field does not hold what its message says."""


def decode_traces_json(body: bytes, tally: Tally, known: KnownGroups | None = None) -> Iterator[SpanRecord | None]:
    """Read an ``ExportTraceServiceRequest``; as `protobuf_spans.decode_traces`."""
    for source, span in read_json_items(Plan(body, "spans"), tally, known):
        if source is None:
            yield span
            continue
        try:
            record = _record(_object(span), source)
        except _WrongTypeError:
            tally.reject(BAD_CONTENT)
            record = None
        else:
            if record is None:
                tally.reject(BAD_ID)
        yield record


def decode_logs_json(body: bytes, tally: Tally, known: KnownGroups | None = None) -> Iterator[LogEntry | None]:
    """Read an ``ExportLogsServiceRequest``; as `protobuf_logs.decode_logs`."""
    is_large = False
    for source, record in read_json_items(Plan(body, "log records"), tally, known):
        if source is None:
            is_large = record is LARGE
            yield record
            continue
        try:
            entry = _entry(_object(record), source)
        except _WrongTypeError:
            tally.reject(BAD_CONTENT)
            entry = None
        yield LargeEntry(*entry) if is_large and entry is not None else entry


def read_json_items(plan: Plan, tally: Tally, known: KnownGroups | None) -> Iterator[tuple[Source | None, Any]]:
    """As `protobuf_spans.read_items`; items are parsed."""
    nothing, large = (None, None), (None, LARGE)
    names = _NAMES[plan.what]
    for _ in json_plan(plan, *names):
        yield nothing
    say_if_nothing(plan, tally, names[0])
    reader = SourceReader(tally, _resource, _scope, known)
    for piece in plan.pieces():
        if piece.group.is_large:
            yield large
        source = reader.of(piece.group)
        yield large if piece.is_large else nothing
        if source.is_ours:
            tally.passed_over["live"] += piece.items
            continue
        try:
            items = orjson.loads(b"[" + plan.data[piece.start : piece.end] + b"]")
        except ValueError:
            items = _one_by_one(plan, piece)
        for item in items:
            yield source, item


def _one_by_one(plan: Plan, piece: Piece) -> Iterator[Any]:
    """The items of a piece in which one is no JSON; that one is None, and so is malformed."""
    for data in json_items(plan, piece.start, piece.end):
        try:
            yield orjson.loads(data)
        except ValueError:
            yield None


def _resource(data: bytes, schema_url: bytes) -> sources.Resource:
    said = _said(data, schema_url)
    return sources.Resource(
        _attributes(said), _text(said, _SCHEMA_URL), _unsigned(said, "droppedAttributesCount", _UINT32)
    )


def _scope(data: bytes, schema_url: bytes) -> sources.Scope:
    said = _said(data, schema_url)
    return sources.Scope(
        _text(said, "name"),
        _text(said, "version"),
        _attributes(said),
        _text(said, _SCHEMA_URL),
        _unsigned(said, "droppedAttributesCount", _UINT32),
    )


def _said(data: bytes, schema_url: bytes) -> dict[str, Any]:
    """What is said of a group, and its schema's address, which stands beside it."""
    said = orjson.loads(data) if data else None
    return {**(_object(said) if said is not None else {}), _SCHEMA_URL: orjson.loads(schema_url or b"null")}


def _record(span: dict[str, Any], source: Source) -> SpanRecord | None:
    run_id, span_id, parent_id = _text(span, "traceId"), _text(span, "spanId"), _text(span, "parentSpanId")
    if not _TRACE_ID.fullmatch(run_id) or not _SPAN_ID.fullmatch(span_id):
        return None
    if parent_id and parent_id != _NO_SPAN_ID and not _SPAN_ID.fullmatch(parent_id):
        return None
    start_ns, end_ns = (_unsigned(span, name, _UINT64) for name in ("startTimeUnixNano", "endTimeUnixNano"))
    start_us = microseconds(start_ns)
    status = _object(span.get("status") or {})
    code = _enum(status.get("code"), _STATUS_CODES)
    return SpanRecord(
        run_id.lower(),
        span_id.lower(),
        parent_id.lower() if parent_id and parent_id != _NO_SPAN_ID else None,
        _text(span, "name"),
        start_us,
        max(microseconds(end_ns), start_us),
        _attributes(span),
        notes=tuple(_note(event) for event in map(_object, _list(span, "events"))),
        dropped_notes=_unsigned(span, "droppedEventsCount", _UINT32),
        links=tuple(_link(link) for link in map(_object, _list(span, "links"))),
        failed=code == STATUS_CODE_ERROR,
        description=_text(status, "message") or None,
        service=source.service,
        runner=source.runner,
        facts=span_facts(
            _enum(span.get("kind"), _KINDS),
            _text(span, "traceState"),
            _unsigned(span, "flags", _UINT32),
            code,
            start_ns,
            end_ns,
            dropped_of(
                _unsigned(span, "droppedAttributesCount", _UINT32),
                _unsigned(span, "droppedEventsCount", _UINT32),
                _unsigned(span, "droppedLinksCount", _UINT32),
            ),
        ),
        source=source.whole,
    )


def _note(event: dict[str, Any]) -> Note:
    time_ns = _unsigned(event, "timeUnixNano", _UINT64)
    facts = note_facts(time_ns, _unsigned(event, "droppedAttributesCount", _UINT32))
    return Note(microseconds(time_ns), _text(event, "name"), _attributes(event), facts)


def _link(link: dict[str, Any]) -> Link:
    run_id, span_id = _text(link, "traceId").lower(), _text(link, "spanId").lower()
    is_odd = not _LINKED_TRACE.fullmatch(run_id) or not _LINKED_SPAN.fullmatch(span_id)
    facts = link_facts(
        _text(link, "traceState"),
        _unsigned(link, "flags", _UINT32),
        _unsigned(link, "droppedAttributesCount", _UINT32),
        [run_id, span_id] if is_odd else None,
    )
    return Link(run_id, span_id, _attributes(link), facts)


def _enum(value: Any, names: Mapping[str, int]) -> int:
    """Read an enum; protobuf's JSON also knows the names. What is neither counts as not said."""
    if isinstance(value, str):
        return names.get(value, 0)
    return value if type(value) is int and -_INT32 <= value < _INT32 else 0


def _entry(record: dict[str, Any], source: Source) -> LogEntry:
    run_id, span_id = _text(record, "traceId"), _text(record, "spanId")
    severity = record.get("severityNumber")
    time_ns = _unsigned(record, "timeUnixNano", _UINT64) or _unsigned(record, "observedTimeUnixNano", _UINT64)
    return LogEntry(
        source,
        run_id.lower() if _TRACE_ID.fullmatch(run_id) else "",
        span_id.lower() if _SPAN_ID.fullmatch(span_id) else "",
        microseconds(time_ns),
        severity if type(severity) is int else 0,
        _text(record, "severityText"),
        _text(record, "eventName"),
        _value(record.get("body"), 0),
        _attributes(record),
        bool(_unsigned(record, "flags", _UINT32) & 1),
    )


# ------------------------------------------------------------ values


def _attributes(holder: dict[str, Any], depth: int = 0) -> dict[str, Any]:
    return _pairs(_list(holder, "attributes"), depth)


def _pairs(pairs: list[Any], depth: int) -> dict[str, Any]:
    return once({_text(pair, "key"): _value(pair.get("value"), depth) for pair in map(_object, pairs)}, len(pairs))


def _value(value: Any, depth: int) -> Any:
    """Read an AnyValue: an object with one member, whose name says what it holds."""
    if value is None:
        return None
    if depth > _DEEPEST:
        raise _WrongTypeError
    for kind, held in _object(value).items():
        if held is None:
            continue
        match kind:
            case "stringValue":
                if isinstance(held, str):
                    return held
            case "bytesValue":
                return _bytes(held)
            case "boolValue":
                if isinstance(held, bool):
                    return held
            case "intValue":
                return _int64(held)
            case "doubleValue":
                return _double(held)
            case "arrayValue":
                return [_value(item, depth + 1) for item in _list(_object(held), "values")]
            case "kvlistValue":
                return _pairs(_list(_object(held), "values"), depth + 1)
            case _:
                continue  # unknown fields are ignored
        raise _WrongTypeError
    return None


def _bytes(held: Any) -> bytes:
    """Read base64, also in the alphabet for URLs and without its padding, as protobuf's JSON may come."""
    try:
        text = held.translate(_URL_SAFE).rstrip("=")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (AttributeError, binascii.Error, ValueError):
        raise _WrongTypeError from None


def _int64(held: Any) -> int:
    number = int(held) if isinstance(held, str) and _INTEGER.fullmatch(held) else held
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if type(number) is not int or not _INT64_MIN <= number < -_INT64_MIN:
        raise _WrongTypeError
    return number


def _double(held: Any) -> float:
    if isinstance(held, str):
        try:
            return _SPECIAL_DOUBLES[held] if held in _SPECIAL_DOUBLES else float(held)
        except ValueError:
            raise _WrongTypeError from None
    if isinstance(held, (int, float)) and not isinstance(held, bool):
        return float(held)
    raise _WrongTypeError


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise _WrongTypeError


def _list(holder: dict[str, Any], name: str) -> list[Any]:
    value = holder.get(name)
    if value is None:
        return []
    if isinstance(value, list):
        return value
    raise _WrongTypeError


def _text(holder: dict[str, Any], name: str) -> str:
    value = holder.get(name)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    raise _WrongTypeError


def _unsigned(holder: dict[str, Any], name: str, limit: int) -> int:
    value = holder.get(name)
    if value is None or value == "":
        return 0
    number = int(value) if isinstance(value, str) and _INTEGER.fullmatch(value) else value
    if isinstance(number, float) and number.is_integer():
        number = int(number)
    if type(number) is not int or not 0 <= number < limit:
        raise _WrongTypeError
    return number
