"""The bytes of spans that are alike: an expression that finds what differs, without reading the rest (pure).

Spans of a program that have the same name are serialised alike: the same fields and attributes in the same order, of
which ids, times and values differ. `span_bytes_of` makes an expression of the bytes of one span. Where it fits, and all
lengths are those of what was found, the bytes are a span that has the same fields, and what was found in the gaps.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

from spantail_service.ingest.decoding.body import MalformedRequestError
from spantail_service.ingest.decoding.protobuf_values import MalformedValueError, read_any
from spantail_service.ingest.decoding.protobuf_walk import fields

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_TRACE_ID, _SPAN_ID, _PARENT_ID, _NAME, _KIND, _START, _END, _ATTRIBUTE, _STATUS, _FLAGS = (
    0x0A, 0x12, 0x22, 0x2A, 0x30, 0x39, 0x41, 0x4A, 0x7A, 16 << 3 | 5,
)  # fmt: skip
"""Tags, field number << 3 | wire type. All others are on few spans, which are read one by one."""
_IDS: Final = {_TRACE_ID: 16, _SPAN_ID: 8, _PARENT_ID: 8}
_ONCE: Final = {_TRACE_ID, _SPAN_ID, _NAME, _START, _END}
_MESSAGE_OF_STATUS: Final = 0x12
_VARINT: Final = rb"[\x80-\xff]{0,8}[\x00-\x7f]"
_LENGTH: Final = rb"[\x80-\xff]?[\x00-\x7f]"  # below 16,384
MOST_BYTES: Final = 2_048
"""Of a span that has an expression."""
_MOST_ATTRIBUTES: Final = 128
_AFTER_IDS: Final = 28  # bytes: both ids with tag and length
_PARENT_BYTES: Final = 10
_HEAVY: Final = 6  # bytes that hardly stand in a text by chance


class Gap(NamedTuple):
    """An attribute whose value differs from span to span."""

    name: str
    kind: type
    """`str`, `int`, `float` or `bool`."""
    at: int
    """Which group of the expression is the value."""


class Heads(dict[int, bytes]):
    """What stands before a text or a number, by how many bytes that has."""

    def __init__(self, before: Callable[[int], bytes]) -> None:
        super().__init__()
        self._before = before

    def __missing__(self, size: int) -> bytes:
        self[size] = made = self._before(size)
        return made


class SpanBytes:
    """What the bytes of spans have in common.

    Attributes:
        match: Gives the groups that the span `data[start:stop]` has: `at` says which is which.
        heads: Of each group that can have any length: the one of what stands before it, its own, and what is to stand
            there.
        gaps: The attributes that differ.
        texts: The groups that are texts.
    """

    TRACE_ID, SPAN_ID, START, END, PARENT_ID = range(5)

    def __init__(
        self, expression: bytes, at: Sequence[int], gaps: list[Gap], heads: list[tuple[int, int, Heads]]
    ) -> None:
        self.expression = expression
        self.match = re.compile(expression, re.DOTALL).fullmatch
        self.at = tuple(at)
        self.gaps = gaps
        self.heads = heads
        self.texts = tuple(gap.at for gap in gaps if gap.kind is str)


class _Maker:
    """An expression, piece by piece."""

    def __init__(self) -> None:
        self.gaps: list[Gap] = []
        self.heads: list[tuple[int, int, Heads]] = []
        self._parts: list[bytes] = []
        self._groups = 0
        self._weight = _HEAVY  # of the bytes that follow a text, up to where it is sure enough that it has ended

    def literal(self, data: bytes) -> None:
        self._add(re.escape(data), len(data))

    def group(self, expression: bytes, weight: int = 0) -> int:
        self._groups += 1
        self._add(b"(" + expression + b")", weight)
        return self._groups - 1

    def sized(self, head: bytes, expression: bytes, heads: Heads) -> int:
        """What can have any length, behind its `head`, which says it."""
        before = self.group(head, _HEAVY)
        at = self.group(expression)
        self.heads.append((before, at, heads))
        return at

    def text(self, head: bytes, heads: Heads) -> int:
        """A text. What comes next ends it, and no other end is tried: a wrong one is found by its length."""
        before = self.group(head, _HEAVY)
        self._parts.append(b"(?>")
        self._weight = 0
        at = self.group(b".*?")
        self.heads.append((before, at, heads))
        return at

    def expression(self) -> bytes:
        self._add(rb"\Z", _HEAVY)
        return b"".join(self._parts)

    def _add(self, part: bytes, weight: int) -> None:
        self._parts.append(part)
        if self._weight < _HEAVY:
            self._weight += weight
            if self._weight >= _HEAVY:
                self._parts.append(b")")


def span_bytes_of(data: bytes, is_copied: Callable[[str, object], bool]) -> SpanBytes | None:
    """Make the expression of a span; None where one with such fields is to be read by itself.

    Args:
        data: The span.
        is_copied: Whether an attribute may have another value; those for which it says no are the same on all spans.
    """
    if len(data) > MOST_BYTES:
        return None
    made = _Maker()
    at: dict[int, int] = {}
    attributes = 0
    try:
        for tag, begin, start, stop in fields(data, 0, len(data)):
            if tag in at:
                return None
            if tag in _IDS:
                if stop - start != _IDS[tag]:
                    return None
                made.literal(data[begin:start])
                at[tag] = made.group(b".{%d}" % _IDS[tag])
            elif tag in (_START, _END):
                made.literal(data[begin:start])
                at[tag] = made.group(b".{8}")
            elif tag == _ATTRIBUTE:
                attributes += 1
                _attribute(made, data[begin:stop], data[start:stop], is_copied)
            elif tag in (_NAME, _KIND, _FLAGS) or (tag == _STATUS and not _has_message(data, start, stop)):
                made.literal(data[begin:stop])
                at[tag] = -1
            else:
                return None
    except (MalformedRequestError, MalformedValueError):
        return None
    if not at.keys() >= _ONCE or attributes > _MOST_ATTRIBUTES:
        return None
    order = [at[tag] for tag in (_TRACE_ID, _SPAN_ID, _START, _END)]
    return SpanBytes(made.expression(), [*order, at.get(_PARENT_ID, -1)], made.gaps, made.heads)


def _attribute(made: _Maker, field: bytes, pair: bytes, is_copied: Callable[[str, object], bool]) -> None:
    name, value = read_any(pair)
    kind = type(value)
    key = b"\n" + length(len(name.encode())) + name.encode() + b"\x12"
    written = re.escape(key)
    if is_copied(name, value):
        if kind is str:
            heads = Heads(lambda size: _head_of(key, b"\n" + length(size), size))
            if field == heads[len(value.encode())] + value.encode():
                head = b"J" + _LENGTH + written + _LENGTH + rb"\n" + _LENGTH
                made.gaps.append(Gap(name, str, made.text(head, heads)))
                return
        elif kind is int and value >= 0:
            heads = Heads(lambda size: _head_of(key, b"\x18", size))
            number = field[len(_head_of(key, b"\x18", 0)) :]
            if field == heads[len(number)] + number and re.fullmatch(_VARINT, number):
                made.gaps.append(
                    Gap(name, int, made.sized(b"J" + _LENGTH + written + _LENGTH + rb"\x18", _VARINT, heads))
                )
                return
        elif kind is float or kind is bool:
            head = _head_of(key, b"\x21", 8) if kind is float else _head_of(key, b"\x10", 1)
            if field[: len(head)] == head and len(field) - len(head) == (8 if kind is float else 1):
                made.literal(head)
                made.gaps.append(Gap(name, kind, made.group(b".{8}" if kind is float else rb"[\x00\x01]")))
                return
    made.literal(field)


def _head_of(key: bytes, tag: bytes, size: int) -> bytes:
    """What stands before the value of an attribute: it has a tag, perhaps with a length, and `size` bytes."""
    of_value = length(len(tag) + size)
    return b"J" + length(len(key) + len(of_value) + len(tag) + size) + key + of_value + tag


def length(size: int) -> bytes:
    """A length as protobuf writes it."""
    written = bytearray()
    while size > 0x7F:
        written.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([*written, size])


def _has_message(data: bytes, start: int, stop: int) -> bool:
    return any(tag == _MESSAGE_OF_STATUS for tag, *_ in fields(data, start, stop))


def name_in(data: bytes, start: int, stop: int) -> bytes:
    """The name of a span whose first fields are its ids, as they nearly always are; else empty, or anything."""
    at = start + _AFTER_IDS
    if at + _PARENT_BYTES < stop and data[at] == _PARENT_ID:
        at += _PARENT_BYTES
    if at + 1 < stop and data[at] == _NAME:
        return data[at + 2 : at + 2 + data[at + 1]]
    return b""
