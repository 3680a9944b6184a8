"""Protobuf's wire format, walked over without making objects of it (pure).

https://protobuf.dev/programming-guides/encoding/ . A walk finds where fields are; what is in them is read by others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from spantail_service.ingest.decoding.body import MalformedRequestError, TooManyError
from spantail_service.ingest.decoding.plan import (
    AT_RESOURCE,
    AT_RESOURCE_SCHEMA,
    AT_SCOPE,
    AT_SCOPE_SCHEMA,
    CHUNK_BYTES,
    MOST_PARTS,
    STEPS,
    Plan,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

_CONTINUES: Final = 0x80
_VARINT, _FIXED64, _BYTES, _GROUP, _GROUP_END, _FIXED32 = range(6)
_LONGEST_VARINT: Final = 10
_DEEPEST: Final = 100  # protobuf's own limit
_LIGHT_BYTES: Final = 4_096  # what is smaller has few parts, whatever they are
_ITEM: Final = 0x12  # spans of scope_spans, log_records of scope_logs
_LIGHT_ITEMS: Final = 0  # no tag: field numbers begin at 1

# Which fields of which message are messages, and of what kind. Tags: field number << 3 | wire type.
Kind = dict[int, "Kind"]
_VALUE: Kind = {}
_PAIR: Kind = {0x12: _VALUE}  # KeyValue.value
_VALUE |= {0x2A: {0x0A: _VALUE}, 0x32: {0x0A: _PAIR}}  # AnyValue.array_value.values, .kvlist_value.values
SPAN: Final[Kind] = {0x4A: _PAIR, 0x5A: {0x1A: _PAIR}, 0x6A: {0x22: _PAIR}, 0x7A: {}}  # attributes, events, links
RECORD: Final[Kind] = {0x2A: _VALUE, 0x32: _PAIR}  # body, attributes
RESOURCE: Final[Kind] = {0x0A: _PAIR}
SCOPE: Final[Kind] = {0x1A: _PAIR}
# The fields of a request that are walked over: number << 3 | 2, the wire type of what has a length.
_GROUPS: Final = 0x0A  # resource_spans, resource_logs
_RESOURCE: Final = 0x0A
_SCOPE_GROUPS: Final = 0x12  # scope_spans, scope_logs
_SCOPE: Final = 0x0A
_SCHEMA_URL: Final = 0x1A  # of a group, beside its resource or scope
_FIRST_FIELD: Final = 1 << 3  # field numbers begin at 1


def protobuf_plan(plan: Plan, kind: Kind, *, overweight: list[int]) -> Iterator[None]:
    """Walk over a request; what is wrong with it above its items is found before any is read.

    `overweight` gets the size of each item that has too many parts; such a one is left out of the plan.

    Raises:
        MalformedRequestError: it is no request in protobuf.
        TooManyError: it has too many groups or items, or a resource or a scope has too many parts.
    """
    data = plan.data
    steps = 0
    for tag, _, start, end in fields(data, 0, len(data)):
        plan.group()
        if plan.groups % STEPS == 0:
            yield
        if tag != _GROUPS:
            plan.unknown = plan.unknown or f"field {tag >> 3}"
            continue
        resource: list[tuple[int, int]] = []
        schema: list[tuple[int, int]] = []
        first = plan.rows
        for tag_of_group, _, from_, to in fields(data, start, end):
            plan.group()
            if plan.groups % STEPS == 0:
                yield
            if tag_of_group == _RESOURCE:
                yield from _light_enough(data, from_, to, RESOURCE)
                resource.append((from_, to))
            elif tag_of_group == _SCHEMA_URL:
                schema = [(from_, to)]
            elif tag_of_group == _SCOPE_GROUPS:
                scope: list[tuple[int, int]] = []
                schema_of_scope: list[tuple[int, int]] = []
                first_of_scope = plan.rows
                for tag_of_item, begin, at, stop in _beside_light_items(plan, from_, to):
                    steps += 1
                    if tag_of_item == _LIGHT_ITEMS or steps % STEPS == 0:
                        yield
                    if tag_of_item == _LIGHT_ITEMS:
                        continue
                    if tag_of_item == _ITEM:
                        if stop - at > _LIGHT_BYTES and (yield from _weigh(data, at, stop, kind)) > MOST_PARTS:
                            overweight.append(stop - at)
                            plan.close()
                        else:
                            plan.add(begin, stop)
                        continue
                    plan.close()
                    plan.group()
                    if tag_of_item == _SCOPE:
                        yield from _light_enough(data, at, stop, SCOPE)
                        scope.append((at, stop))
                    elif tag_of_item == _SCHEMA_URL:
                        schema_of_scope = [(at, stop)]
                plan.close()
                plan.belongs(first_of_scope, AT_SCOPE, scope)
                plan.belongs(first_of_scope, AT_SCOPE_SCHEMA, schema_of_scope)
        plan.belongs(first, AT_RESOURCE, resource)
        plan.belongs(first, AT_RESOURCE_SCHEMA, schema)
    yield


def _beside_light_items(plan: Plan, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """As `fields`, but for the light items, which are added to the plan here: nearly all are, and a request has many.

    `_LIGHT_ITEMS` in place of a tag comes after every so many of them.
    """
    data, steps = plan.data, 0
    # lengths of one and two bytes are read in place, and a row of items is added at once: a third of the time
    while at < end:
        first, count = at, 0
        while at + 2 < end and data[at] == _ITEM and count < STEPS:
            size, start = data[at + 1], at + 2
            if size >= _CONTINUES:
                if data[start] >= _CONTINUES:
                    break
                size, start = size & 0x7F | data[start] << 7, start + 1
            if size > _LIGHT_BYTES or start + size > end or (count and start + size - first > CHUNK_BYTES):
                break
            at = start + size
            count += 1
        if count:
            plan.add(first, at, count)
            steps += count
            if steps >= STEPS:
                steps = 0
                yield _LIGHT_ITEMS, at, at, at
        else:
            field = next(fields(data, at, end))
            at = field[-1]
            yield field


def items_in(data: bytes, start: int, end: int) -> Iterator[bytes]:
    """The single items of a chunk."""
    for _, _, at, stop in fields(data, start, end):
        yield data[at:stop]


def fields(data: bytes, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """The fields of the message `data[at:end]`: tag, begin, begin of its content, end.

    Raises:
        MalformedRequestError: it is no message.
    """
    try:
        while at < end:
            begin = at
            tag = data[at]
            at += 1
            if tag >= _CONTINUES:
                tag, at = _varint(data, begin)
            if tag & 7 == _BYTES:
                size = data[at]
                at += 1
                if size >= _CONTINUES:
                    size, at = _varint(data, at - 1)
                stop = at + size
            else:
                stop = _end_of(data, tag, at)
            if stop > end or tag < _FIRST_FIELD:
                raise MalformedRequestError("The body is no OTLP request in protobuf.")
            yield tag, begin, at, stop
            at = stop
    except IndexError:
        raise MalformedRequestError("The body is no OTLP request in protobuf: it is cut off.") from None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    for size in range(1, _LONGEST_VARINT + 1):
        byte = data[at + size - 1]
        number |= (byte & 0x7F) << shift
        if byte < _CONTINUES:
            return number, at + size
        shift += 7
    raise MalformedRequestError("The body is no OTLP request in protobuf.")


def _end_of(data: bytes, tag: int, at: int) -> int:
    """Where a field of another wire type ends. Groups, which nobody writes any more, are no OTLP."""
    match tag & 7:
        case 0:
            return _varint(data, at)[1]
        case 1:
            return at + 8
        case 5:
            return at + 4
    raise MalformedRequestError("The body is no OTLP request in protobuf: it has a group or an unknown wire type.")


def _light_enough(data: bytes, start: int, end: int, kind: Kind) -> Iterator[None]:
    if end - start > _LIGHT_BYTES and (yield from _weigh(data, start, end, kind)) > MOST_PARTS:
        raise TooManyError(f"A resource or scope has more than {MOST_PARTS} attributes, values and unknown fields.")


def _weigh(data: bytes, start: int, end: int, kind: Mapping[int, Kind]) -> Generator[None, None, int]:
    """Count the parts of a message, up to one more than it may have. One that is broken weighs nothing: it fails when
    it is read.
    """
    parts = 0
    walks = [(fields(data, start, end), kind)]
    while walks:
        walk, kind = walks[-1]
        try:
            for tag, _, at, stop in walk:
                parts += 1
                if parts % STEPS == 0:
                    yield
                    if parts > MOST_PARTS:
                        return parts
                if tag in kind and at < stop and len(walks) < _DEEPEST:
                    walks.append((fields(data, at, stop), kind[tag]))
                    break
            else:
                walks.pop()
        except MalformedRequestError:
            return 0
    return parts
