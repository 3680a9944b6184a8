"""Where in a request's bytes its items stand: found before any of them is read, so that none has to be held (pure).

A request is three levels deep: groups by resource, in them groups by instrumentation scope, in them the items (spans
or log records). `protobuf_plan` and `json_plan` walk over these levels and write down where the items stand. They are
generators that yield None every so many steps, whatever they find: whoever runs them can let others go on.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Final, NamedTuple

from spantail_service.bounds.time_slice import LARGE_BYTES
from spantail_service.ingest.decoding.body import TooManyError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_GROUPS: Final = 100_000
"""Resource and scope groups of one request, unknown fields among them counted too."""
MOST_ITEMS: Final = 250_000
"""Spans or log records of one request."""
MOST_PARTS: Final = 10_000
"""Attributes, events, links, values and unknown fields of one item or resource, however deep they stand."""
CHUNK_BYTES: Final = 65_536
"""Items that are next to each other are read together up to this size."""
STEPS: Final = 1_000
"""Steps after which a walk yields: less than a millisecond of work."""

_COLUMNS: Final = 11
AT_RESOURCE, AT_RESOURCE_SCHEMA, AT_SCOPE, AT_SCOPE_SCHEMA, _AT_ITEMS = range(0, 10, 2)
"""Columns with the place of something that a group has: each begin and end."""
_EXTRA: Final = 2**32 - 1


class Group(NamedTuple):
    """What the items of a group have in common, as bytes; empty where there is nothing."""

    resource: bytes = b""
    resource_schema: bytes = b""
    """Its `schema_url`, as it stands in the request; so of the scope."""
    scope: bytes = b""
    scope_schema: bytes = b""

    @property
    def is_large(self) -> bool:
        """Whether reading it takes long."""
        return sum(map(len, self)) > LARGE_BYTES


class Chunk(NamedTuple):
    """Items that are next to each other in the bytes: `data[start:end]`."""

    group: Group
    start: int
    end: int
    items: int

    @property
    def is_large(self) -> bool:
        """Whether reading it takes long: it is one large item, or what it comes from is large."""
        return self.end - self.start > LARGE_BYTES or self.group.is_large


class Plan:
    """The chunks of one request, in 44 bytes each. `what` names its items in messages."""

    def __init__(self, data: bytes, what: str) -> None:
        self.data = data
        self.what = what
        self.groups = 0
        self.items = 0
        self.unknown: str | None = None
        """A field at the top that is not known, where there is one; it explains a request that holds nothing."""
        self._rows = array("I")
        self._extra: list[bytes] = []
        self._start = self._end = self._count = 0

    def group(self) -> None:
        """Count a group, or a field that is none.

        Raises:
            TooManyError: there are too many.
        """
        self.groups += 1
        if self.groups > MOST_GROUPS:
            raise TooManyError(f"The request has more than {MOST_GROUPS} groups or unknown fields above its {self.what}"
                               ": send smaller batches, without empty groups.")  # fmt: skip

    def add(self, start: int, end: int, count: int = 1) -> None:
        """Add an item, or several side by side.

        Raises:
            TooManyError: there are too many.
        """
        self.items += count
        if self.items > MOST_ITEMS:
            raise TooManyError(f"The request has more than {MOST_ITEMS} {self.what}: send smaller batches.")
        if self._count and end - self._start > CHUNK_BYTES:
            self.close()
        if not self._count:
            self._start = start
        self._end = end
        self._count += count

    def close(self) -> None:
        """End the chunk: what comes next is not next to it in the bytes."""
        if self._count:
            self._rows.extend((0, 0, 0, 0, 0, 0, 0, 0, self._start, self._end, self._count))
            self._count = 0

    @property
    def rows(self) -> int:
        """How many chunks there are."""
        return len(self._rows) // _COLUMNS

    def belongs(self, first: int, column: int, parts: list[tuple[int, int]]) -> None:
        """Note where the resource of the chunks from `first` on is, or their scope, or the schema of one of these.

        Several parts are one message, as protobuf says of a field that comes again.
        """
        if not parts or first == self.rows:
            return
        held = parts[0]
        if len(parts) > 1:
            self._extra.append(b"".join(self.data[start:end] for start, end in parts))
            held = _EXTRA, len(self._extra) - 1
        for row in range(first, self.rows):
            at = row * _COLUMNS + column
            self._rows[at], self._rows[at + 1] = held

    def chunks(self) -> Iterator[Chunk]:
        """The chunks, in their order. Neighbours of one group have the same `Group`, of one resource the same bytes."""
        rows = self._rows
        before: array[int] | None = None
        group = Group()
        for at in range(0, len(rows), _COLUMNS):
            columns, (start, end, items) = rows[at : at + _AT_ITEMS], rows[at + _AT_ITEMS : at + _COLUMNS]
            if columns != before:
                of = (
                    group[:2]
                    if before is not None and columns[:AT_SCOPE] == before[:AT_SCOPE]
                    else self._parts(columns[:AT_SCOPE])
                )
                group = Group(*of, *self._parts(columns[AT_SCOPE:]))
                before = columns
            yield Chunk(group, start, end, items)

    def _parts(self, places: array[int]) -> Iterator[bytes]:
        return map(self._bytes, places[::2], places[1::2])

    def _bytes(self, start: int, end: int) -> bytes:
        return self._extra[end] if start == _EXTRA else self.data[start:end]
