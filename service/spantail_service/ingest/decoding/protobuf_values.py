"""Attributes of OTLP's protobuf encoding, read into plain values: each different one once.

The same attributes come again and again (a model's name, a kind, a status code), so what was read is remembered by its
bytes. What was not seen before and is simple is read by hand, which takes a third of the time that making the
official message takes; all that is not simple goes to the official message, which also says what is malformed.
"""

from __future__ import annotations

from struct import Struct
from sys import intern
from typing import TYPE_CHECKING, Any, Final

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spantail_service.ingest.decoding.entries import mark_repeated

if TYPE_CHECKING:
    from collections.abc import Sequence

_REMEMBERED: Final = 16_384
_REMEMBERED_BYTES: Final = 128  # a longer one hardly comes twice
_ONE_BYTE: Final = 0x80  # a number below it is one byte long on the wire
_LONGEST_VARINT: Final = 10  # bytes; a number that has so many is negative
_DOUBLE: Final = Struct("<d")
_TAG_OF_DOUBLE: Final = b"\x21"
_UNCHANGING: Final = frozenset({str, bool, int, bytes, type(None)})
# tags of KeyValue and AnyValue: field number << 3 | wire type
_KEY, _VALUE, _VALUE_STRING, _VALUE_BOOL, _VALUE_INT, _VALUE_DOUBLE = 0x0A, 0x12, 0x0A, 0x10, 0x18, 0x21
_VALUE_ARRAY, _ITEM = 0x2A, 0x0A
_SMALLEST: Final = 4  # bytes of a KeyValue with an empty key and an empty value, and of an item with an empty text


class MalformedValueError(ValueError):
    """An attribute, or the body of a log record, is no protobuf of its kind."""


class _Pairs(dict[bytes, tuple[str, Any]]):
    """KeyValue messages by their bytes."""

    def __init__(self) -> None:
        super().__init__()
        self._names: dict[bytes, str] = {}  # of doubles, by all that stands before the number

    def __missing__(self, data: bytes) -> tuple[str, Any]:
        if data[-9:-8] == _TAG_OF_DOUBLE and (name := self._names.get(data[:-8])) is not None:
            return name, _DOUBLE.unpack_from(data, len(data) - 8)[0]
        pair = read_simple(data)
        if pair is None:
            pair = read_any(data)
        elif type(pair[1]) is float:  # a measured number hardly comes twice, but more of its name will
            if len(self._names) >= _REMEMBERED:
                self._names.clear()
            self._names[data[:-8]] = pair[0]
            return pair
        # a list or a map could be changed by whoever gets it
        if len(data) <= _REMEMBERED_BYTES and type(pair[1]) in _UNCHANGING:
            if len(self) >= _REMEMBERED:
                self.clear()
            self[data] = pair
        return pair


_pair_of: Final = _Pairs().__getitem__


def attributes_of(pairs: Sequence[bytes]) -> dict[str, Any]:
    """Read attributes from their KeyValue messages; of two with the same key the last one stands, with a mark.

    An empty value is None.

    Raises:
        MalformedValueError: one of them is no KeyValue.
    """
    listed = pairs[:]  # a third quicker than walking over what protobuf calls a repeated field
    made = dict(map(_pair_of, listed))
    return made if len(made) == len(listed) else mark_repeated(made, len(listed))


def value_of(data: bytes) -> Any:
    """Read an AnyValue.

    Raises:
        MalformedValueError: it is none.
    """
    try:
        return _plain(AnyValue.FromString(data))
    except (DecodeError, RecursionError):
        raise MalformedValueError from None


def read_simple(data: bytes) -> tuple[str, Any] | None:
    """Read a KeyValue with one short key and one short scalar, or a short list of short texts, in this order.

    None when it is anything else.
    """
    size = len(data)
    if size < _SMALLEST or data[0] != _KEY or data[1] >= _ONE_BYTE:
        return None
    at = 2 + data[1]
    # the value is the rest, and its first field is the rest of it: nothing stands twice, nothing is left over
    if at + 2 >= size or data[at] != _VALUE or data[at + 1] != size - at - 2 or data[at + 1] >= _ONE_BYTE:
        return None
    kind, start = data[at + 2], at + 3
    left = size - start
    try:
        name = intern(data[2:at].decode())  # one object for each name: later look-ups compare no texts
        if kind == _VALUE_STRING:
            if left and data[start] == left - 1:
                return name, data[start + 1 :].decode()
        elif kind == _VALUE_DOUBLE:
            if left == _DOUBLE.size:
                return name, _DOUBLE.unpack_from(data, start)[0]
        elif kind == _VALUE_INT:
            if left == 1 and data[start] < _ONE_BYTE:
                return name, data[start]
            if 1 < left < _LONGEST_VARINT and data[-1] < _ONE_BYTE <= min(data[start:-1]):
                return name, sum((byte & 0x7F) << 7 * at for at, byte in enumerate(data[start:]))
        elif kind == _VALUE_BOOL:
            if left == 1 and data[start] <= 1:
                return name, data[start] == 1
        elif kind == _VALUE_ARRAY and left and data[start] == left - 1:
            texts = _texts(data, start + 1)
            return None if texts is None else (name, texts)
    except UnicodeDecodeError:
        return None  # the official message says so too
    return None


def _texts(data: bytes, at: int) -> list[str] | None:
    """Read the values of an ArrayValue that are all short texts, up to the end; None when one is anything else.

    Every call of a model has such a list, `gen_ai.response.finish_reasons`: 2 us instead of 15 by the official message.
    """
    found = []
    end = len(data)
    while at < end:
        if at + _SMALLEST > end or data[at] != _ITEM or data[at + 2] != _VALUE_STRING:
            return None
        stop = at + _SMALLEST + data[at + 3]
        if stop > end or data[at + 1] != stop - at - 2 or data[at + 1] >= _ONE_BYTE:
            return None
        found.append(data[at + _SMALLEST : stop].decode())
        at = stop
    return found


def read_any(data: bytes) -> tuple[str, Any]:
    """Read a KeyValue by the official message.

    Raises:
        MalformedValueError: it is none.
    """
    try:
        pair = KeyValue.FromString(data)
        return intern(pair.key), _plain(pair.value)
    except (DecodeError, RecursionError):
        raise MalformedValueError from None


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind is None or kind == "string_value_strindex":  # the latter is for profiles, and means nothing here
        return None
    plain = getattr(value, kind)
    if kind == "array_value":
        return [_plain(item) for item in plain.values]
    if kind == "kvlist_value":
        return mark_repeated({pair.key: _plain(pair.value) for pair in plain.values}, len(plain.values))
    return plain
