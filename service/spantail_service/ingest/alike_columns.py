"""Spans of one pattern to the changes that store them, by columns: each field of all of them in one go (pure).

What is done for each span by itself costs more by its steps than by its work: some ten values of 8 bytes are read,
written as text and joined with what all the spans have in common. So a column is handed to C as a whole: `struct` reads
all times at once, orjson writes all numbers at once.
"""

from __future__ import annotations

from binascii import hexlify
from collections.abc import Sequence
from functools import partial
from itertools import chain, repeat
from struct import unpack
from typing import TYPE_CHECKING, Final

import orjson

from spantail_exporters.model.changes import Change
from spantail_exporters.model.pattern import NotAlikeError
from spantail_service.ingest.decoding.protobuf_spans import NO_SPAN_ID, NO_TRACE_ID
from spantail_service.ingest.decoding.span_fields import MOST_NS

if TYPE_CHECKING:
    import re
    from collections.abc import Callable
    from collections.abc import Set as AbstractSet

    from spantail_exporters.model.pattern import Pattern
    from spantail_service.ingest.decoding.known_texts import KnownTexts, Numbers
    from spantail_service.ingest.decoding.span_bytes import SpanBytes

_ID_DIGITS: Final = 16
_RUN_ID_DIGITS: Final = 32
_NO_PARENT: Final = hexlify(NO_SPAN_ID)
_BOOLEANS: Final = {b"\0": b"false", b"\1": b"true"}

Columns = Sequence[tuple[bytes, ...]]
"""What differs of some spans, at least one: of each group of their matches a column, with an item for each span."""


class Alike:
    """A pattern, and the bytes that it is for.

    Args:
        common: What the bytes of the spans have in common.
        pattern: What their states have in common.
        texts: Texts without secrets, as JSON.
        numbers: Integers as JSON.
    """

    __slots__ = ("_common", "_pattern", "_readers", "match")

    def __init__(self, common: SpanBytes, pattern: Pattern, texts: KnownTexts, numbers: Numbers) -> None:
        readers: dict[type, Callable[[Sequence[bytes]], Sequence[bytes | None]]] = {
            str: partial(_each, texts.__getitem__),
            int: partial(_each, numbers.__getitem__),
            float: _doubles,
            bool: partial(_each, _BOOLEANS.__getitem__),
        }
        self.match: Callable[[bytes, int, int], re.Match[bytes] | None] = common.match
        self._common = common
        self._pattern = pattern
        # None is a text that is not clean, or a number that JSON does not have
        self._readers = [(readers[gap.kind], gap.at) for gap in common.gaps]

    def texts(self, columns: Columns) -> set[bytes]:
        """The texts that are to be known before `changes`."""
        return set(chain.from_iterable([columns[at] for at in self._common.texts]))

    def changes(self, columns: Columns) -> Sequence[tuple[str, Change] | None]:
        """The run and the change of each span; None where it is to be read by itself."""
        values = [read(columns[at]) for read, at in self._readers]
        unknown = {place for column in values if None in column for place, value in enumerate(column) if value is None}
        if unknown:
            return self._changes_of_rest(columns, unknown)
        try:
            return list(self._changes(columns, values))  # type: ignore[arg-type]  # there is no None
        except NotAlikeError:
            count = len(columns[0])
            if count == 1:
                return [None]
            halves = slice(count // 2), slice(count // 2, None)
            return [change for half in halves for change in self.changes([column[half] for column in columns])]

    def _changes_of_rest(self, columns: Columns, left_out: AbstractSet[int]) -> Sequence[tuple[str, Change] | None]:
        """As `changes`; None for those that are left out."""
        made: list[tuple[str, Change] | None] = [None] * len(columns[0])
        rest = [place for place in range(len(made)) if place not in left_out]
        if rest:
            changes = self.changes([tuple([column[place] for place in rest]) for column in columns])
            for place, change in zip(rest, changes, strict=True):
                made[place] = change
        return made

    def _changes(self, columns: Columns, values: Sequence[Sequence[bytes]]) -> zip[tuple[str, Change]]:
        for head_at, at, heads in self._common.heads:
            if columns[head_at] != tuple(map(heads.__getitem__, map(len, columns[at]))):
                raise NotAlikeError
        # in the order that `SpanBytes` gives
        trace_ids, span_ids, starts, ends, parent_ids = (columns[at] if at >= 0 else () for at in self._common.at)
        if NO_TRACE_ID in trace_ids or NO_SPAN_ID in span_ids:
            raise NotAlikeError
        count = len(span_ids)
        start_ns = unpack(f"<{count}Q", b"".join(starts))
        end_ns = unpack(f"<{count}Q", b"".join(ends))
        if max(end_ns) >= MOST_NS or any(start > end for start, end in zip(start_ns, end_ns, strict=True)):
            raise NotAlikeError
        run_ids = _hex(trace_ids, _RUN_ID_DIGITS)
        ids = _hex(span_ids, _ID_DIGITS)
        parents = _hex(parent_ids, _ID_DIGITS) if parent_ids else [b""] * count
        if NO_SPAN_ID in parent_ids:
            parents = [b"" if parent == _NO_PARENT else parent for parent in parents]
        lines, accounts, sources = self._pattern.fill(
            run_ids=run_ids, span_ids=ids, parent_ids=parents, starts_ns=start_ns, ends_ns=end_ns, values=values
        )
        made = map(
            Change, map(bytes.decode, ids), map(bytes.decode, parents), zip(lines), repeat(0), accounts, repeat(b""),
            repeat(b""), sources,
        )  # fmt: skip
        return zip(map(bytes.decode, run_ids), made, strict=True)


def _each(read: Callable[[bytes], bytes | None], column: Sequence[bytes]) -> Sequence[bytes | None]:
    return list(map(read, column))


def _doubles(column: Sequence[bytes]) -> Sequence[bytes | None]:
    written = orjson.dumps(unpack(f"<{len(column)}d", b"".join(column)))[1:-1].split(b",")
    return [None if text == b"null" else text for text in written] if b"null" in written else written


def _hex(column: Sequence[bytes], digits: int) -> list[bytes]:
    joined = hexlify(b"".join(column))
    return [joined[at : at + digits] for at in range(0, len(joined), digits)]
