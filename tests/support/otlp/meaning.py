"""What an OTLP trace request means, whatever its encoding, and how two of them differ.

An export of this service may differ from what was sent by redaction and by stated limits. Each such place is named on
the span (`spantail.changed`, `spantail.derived`, `spantail.content.left_out`, `spantail.truncated`): what is named may
differ, nothing else.
"""

from __future__ import annotations

import json
import math
import re
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from google.protobuf import json_format  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spantail import attributes as key
from spantail.redaction import TRUNCATED_KEY
from spantail.redaction.key_rules import KeyRule, key_rule
from tests.support.otlp.requests import as_base64

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

_MARKS: Final = (key.CHANGED, key.DERIVED, key.SENT, key.CONTENT_LEFT_OUT)
_LONGEST_KEY: Final = 256
_INDEX: Final = re.compile(r"\.\d.*", re.DOTALL)
Where = tuple[str, str]
"""Trace id and span id in hex."""


@dataclass(frozen=True)
class Meaning:
    """A span, a span event or a link: fields by their names for `spantail.changed`, and attributes."""

    fields: Mapping[str, Any]
    attributes: Mapping[str, Any]
    inner: list[Meaning] = field(default_factory=list)
    """Of a span: its resource and scope, its events, and then its links."""


def read_export(body: bytes) -> ExportTraceServiceRequest:
    """OTLP JSON as the official classes read it."""
    request = ExportTraceServiceRequest()
    json_format.ParseDict(as_base64(json.loads(body)), request)
    return request


def meaning_of(requests: Iterable[ExportTraceServiceRequest]) -> dict[Where, Meaning]:
    """The spans of requests by their ids, each with what it comes from; what comes first of a span stands."""
    found: dict[Where, Meaning] = {}
    for request in requests:
        for of_resource in request.resource_spans:
            for of_scope in of_resource.scope_spans:
                for span in of_scope.spans:
                    source = [_resource(of_resource), _scope(of_scope)]
                    found.setdefault((span.trace_id.hex(), span.span_id.hex()), _span(span, source))
    return found


def _resource(group: Any) -> Meaning:
    resource = group.resource
    fields = {"resource:schema_url": group.schema_url, "dropped": resource.dropped_attributes_count}
    return Meaning(fields, attributes_in(resource.attributes))


def _scope(group: Any) -> Meaning:
    scope = group.scope
    fields = {"scope:name": scope.name, "scope:version": scope.version, "scope:schema_url": group.schema_url}
    return Meaning({**fields, "dropped": scope.dropped_attributes_count}, attributes_in(scope.attributes))


def _span(span: Any, source: list[Meaning]) -> Meaning:
    inner = source + [
        Meaning(
            {"event:time": event.time_unix_nano, "event:name": event.name, "dropped": event.dropped_attributes_count},
            attributes_in(event.attributes),
        )
        for event in span.events
    ]
    inner += [
        Meaning(
            {
                "link:ids": (link.trace_id.hex(), link.span_id.hex()),
                "link:traceState": link.trace_state,
                "flags": link.flags,
                "dropped": link.dropped_attributes_count,
            },
            attributes_in(link.attributes),
        )
        for link in span.links
    ]
    fields = {
        "span:name": span.name,
        "parent": span.parent_span_id.hex() if any(span.parent_span_id) else "",
        "times": (span.start_time_unix_nano, span.end_time_unix_nano),
        "kind": span.kind,
        "span:traceState": span.trace_state,
        "flags": span.flags,
        "status": span.status.code,
        "span:statusMessage": span.status.message,
        "dropped": (span.dropped_attributes_count, span.dropped_events_count, span.dropped_links_count),
    }
    return Meaning(fields, attributes_in(span.attributes), inner)


def attributes_in(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Attributes, each as its type and value; of two with one key the last stands, and there is a mark."""
    listed = list(pairs)
    found = {pair.key: value_in(pair.value) for pair in listed}
    if len(found) < len(listed):
        found[TRUNCATED_KEY] = ("string_value", "")
    return found


def value_in(value: AnyValue) -> Any:
    """A value as something that equals itself, and a number of another type not at all."""
    kind = value.WhichOneof("value")
    match kind:
        case None:
            return None
        case "array_value":
            return kind, [value_in(item) for item in value.array_value.values]
        case "kvlist_value":
            return kind, attributes_in(value.kvlist_value.values)
        case "double_value":  # all NaN are one; zero has a sign
            number = value.double_value
            return kind, "NaN" if math.isnan(number) else struct.pack("<d", number)
        case _:
            return kind, getattr(value, kind)


def differences(sent: Mapping[Where, Meaning], got: Mapping[Where, Meaning]) -> list[str]:
    """What of the spans sent is not among those got, or other than it was and nowhere named."""
    found = [f"{where}: not sent" for where in got.keys() - sent.keys()]
    for where, span in sent.items():
        found += [f"{where}: {what}" for what in (_differing(span, got[where]) if where in got else ["not there"])]
    return found


def _differing(sent: Meaning, got: Meaning, *, left_out: frozenset[str] = frozenset()) -> Iterator[str]:
    changed, derived = (_names(got, name) for name in (key.CHANGED, key.DERIVED))
    for name, names in ((key.CHANGED, changed), (key.DERIVED, derived)):
        if not _names(sent, name) <= names:
            yield f"{name}: {_names(sent, name) - names} became unnamed"
    # what is derived now and was not before; what was before is compared as it stands
    replaced = {name: value for name, value in _map(got, key.SENT).items() if name not in _names(sent, key.DERIVED)}
    kept = {name: value for name, value in got.attributes.items() if name not in _MARKS}
    left_out |= _left_out(got)
    for name, value in sent.fields.items():
        if got.fields[name] != value and name not in changed:
            yield f"{name}: {value!r} became {got.fields[name]!r}"
    for name, value in sent.attributes.items():
        if name == TRUNCATED_KEY or name in changed or name in _MARKS:
            continue
        if len(name) > _LONGEST_KEY:
            if not any(one.startswith(name[:100]) or "[redacted]" in one for one in changed):
                yield f"{name[:80]}…: the key was cut, and nothing says so"
        elif name not in kept:
            # what had been moved to a name of ours is named by that one
            is_content = bool({_INDEX.sub("", name), "…"} & left_out) or key_rule(name) is KeyRule.CONTENT
            if not (is_content and left_out) and not any("[redacted]" in one for one in changed):
                yield f"{name}: left out"
        else:
            now = replaced.get(name, kept[name]) if name in derived else kept[name]
            if _plain(now) != _plain(value):
                yield f"{name}: {value!r} became {now!r}"
    for name in kept.keys() - sent.attributes.keys() - derived - changed - {TRUNCATED_KEY}:
        yield f"{name}: added"
    if len(sent.inner) != len(got.inner):
        yield f"{len(sent.inner)} events and links became {len(got.inner)}"
    for before, after in zip(sent.inner, got.inner, strict=False):
        yield from _differing(before, after, left_out=left_out)


def _names(holder: Meaning, mark: str) -> set[str]:
    return {name for _, name in holder.attributes[mark][1]} if mark in holder.attributes else set()


def _left_out(holder: Meaning) -> frozenset[str]:
    """The fields of message content that were not kept, as the mark of a span names them."""
    kind, reported = holder.attributes.get(key.CONTENT_LEFT_OUT, ("string_value", "[]"))
    return frozenset(one["field"] for one in json.loads(reported)) if kind == "string_value" else frozenset()


def _map(holder: Meaning, mark: str) -> dict[str, Any]:
    return dict(holder.attributes[mark][1]) if mark in holder.attributes else {}


def _plain(value: Any) -> Any:
    """A value without the text of a mark for repeated keys."""
    if isinstance(value, tuple) and value[0] == "array_value":
        return value[0], [_plain(item) for item in value[1]]
    if isinstance(value, tuple) and value[0] == "kvlist_value":
        return value[0], {name: name == TRUNCATED_KEY or _plain(item) for name, item in value[1].items()}
    return value
