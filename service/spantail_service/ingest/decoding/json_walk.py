"""JSON, walked over without making objects of it: only the structure above the items is looked at (pure).

An item that is small and not nested deeply is passed over by one regular expression, anything else token by token.
What is in the items is for the JSON parser, which gets them chunk by chunk.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

import orjson

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
    from collections.abc import Callable, Generator, Iterator

_NESTED: Final = 10  # levels that the quick expression knows: a span with a list of objects in an attribute has 9
_STRING: Final = rb'"(?:[^"\\]++|\\.)*+"'
_DEEPEST: Final = 1_000  # the parser's own limit
_MOST_TOKENS: Final = 4 * MOST_PARTS  # an attribute has four: two objects and the commas in and behind them
_LIGHT_BYTES: Final = 4_096
_LONGEST_NAME: Final = 1_000  # bytes; no field of OTLP has such a name


def _value_expression() -> bytes:
    flat = rb'[^"{}\[\]]'
    inner = rb"(?!)"
    for _ in range(_NESTED):
        inner = rb"[{\[](?:" + flat + rb"++|" + _STRING + rb"|" + inner + rb")*+[}\]]"
    return inner + rb"|" + _STRING + rb'|[^\s,:{}\[\]"]++'


_VALUE: Final = re.compile(_value_expression(), re.DOTALL)
_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_TOKEN: Final = re.compile(rb'["{}\[\],]')
_IN_STRING: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_NO_STRUCTURE: Final = frozenset(b",:}]")

_Members = dict[str, "Callable[[int], Generator[None, None, int]]"]


def json_plan(plan: Plan, outer: str, middle: str, inner: str) -> Iterator[None]:
    """Walk over a request; what is wrong with it above its items is found before any is read.

    The names are those of the lists: of the resource groups, of the scope groups in one, of the items in those.

    Raises:
        MalformedRequestError: it is no such request.
        TooManyError: it has too many groups or items, or one of them has too many parts.
    """
    yield from _Walk(plan, outer, middle, inner).request()


def check_parts(data: bytes) -> None:
    """See that one JSON text can be parsed at once.

    Raises:
        TooManyError: it has too many parts.
        MalformedRequestError: it is cut off, or nested too deeply.
    """
    if len(data) > _LIGHT_BYTES:
        for _ in _Walk(Plan(data, ""), "", "", "").far_end(0):
            pass


def json_items(plan: Plan, start: int, end: int) -> Iterator[bytes]:
    """The single items of a chunk."""
    walk = _Walk(plan, "", "", "")
    at = start
    while at < end:
        stop = walk.quick_end(at)
        if not stop:
            far = walk.far_end(at)
            try:
                while True:
                    next(far)
            except StopIteration as ended:
                stop = ended.value
        yield plan.data[at:stop]
        at = walk.space(stop)
        at = walk.space(at + 1) if at < end else end


class _Walk:
    def __init__(self, plan: Plan, outer: str, middle: str, inner: str) -> None:
        self._plan = plan
        self._data = plan.data
        self._names = outer, middle, inner
        self._steps = 0
        self._places: dict[int, tuple[int, int]] = {}  # of what is said of the group at hand, by column

    # ------------------------------------------------------------ the levels of a request

    def request(self) -> Iterator[None]:
        at = yield from self._object(self.space(0), {self._names[0]: self._groups}, top=True)
        if self.space(at) != len(self._data):
            raise self._malformed()
        yield

    def _groups(self, at: int) -> Generator[None, None, int]:
        return (yield from self._list(at, self._group))

    def _group(self, at: int) -> Generator[None, None, int]:
        self._plan.group()
        members: _Members = {
            "resource": partial(self._place_of, AT_RESOURCE),
            "schemaUrl": partial(self._place_of, AT_RESOURCE_SCHEMA),
            self._names[1]: self._scopes,
        }
        return (yield from self._group_with(at, members, AT_RESOURCE, AT_RESOURCE_SCHEMA))

    def _scopes(self, at: int) -> Generator[None, None, int]:
        return (yield from self._list(at, self._scope_group))

    def _scope_group(self, at: int) -> Generator[None, None, int]:
        self._plan.group()
        members: _Members = {
            "scope": self._the_scope,
            "schemaUrl": partial(self._place_of, AT_SCOPE_SCHEMA),
            self._names[2]: self._items,
        }
        return (yield from self._group_with(at, members, AT_SCOPE, AT_SCOPE_SCHEMA))

    def _the_scope(self, at: int) -> Generator[None, None, int]:
        end = yield from self._place_of(AT_SCOPE, at)
        if self._data[at : at + 1] != b"{" and self._data[at:end] != b"null":
            raise self._malformed()
        return end

    def _place_of(self, column: int, at: int) -> Generator[None, None, int]:
        end = yield from self._end_of(at)
        self._places[column] = at, end
        return end

    def _group_with(self, at: int, members: _Members, *columns: int) -> Generator[None, None, int]:
        """Walk over a group, with what its items have in common."""
        first = self._plan.rows
        for column in columns:
            self._places.pop(column, None)
        end = yield from self._object(at, members)
        for column in columns:
            if column in self._places:
                self._plan.belongs(first, column, [self._places[column]])
        return end

    def _items(self, at: int) -> Generator[None, None, int]:
        end = yield from self._list(at, self._item)
        self._plan.close()
        return end

    def _item(self, at: int) -> Generator[None, None, int]:
        end = self.quick_end(at) or (yield from self.far_end(at))
        self._plan.add(at, end)
        return end

    # ------------------------------------------------------------ JSON

    def _object(self, at: int, members: _Members, *, top: bool = False) -> Generator[None, None, int]:
        data = self._data
        if data[at : at + 1] != b"{":
            raise self._malformed()
        at = self.space(at + 1)
        seen: set[str] = set()
        if data[at : at + 1] == b"}":
            return at + 1
        while True:
            yield from self._step()
            if data[at : at + 1] != b'"':
                raise self._malformed()
            end = yield from self._end_of(at)
            name = self._name(at, end)
            at = self.space(end)
            if data[at : at + 1] != b":":
                raise self._malformed()
            at = self.space(at + 1)
            if name in members:
                if name in seen:
                    raise MalformedRequestError(f"The body has the field {name} twice in one object.")
                seen.add(name)
                at = yield from members[name](at)
            else:
                self._plan.group()  # unknown fields are ignored, but not without end
                if top:
                    self._plan.unknown = self._plan.unknown or f'the field "{name[:100]}"'
                at = yield from self._end_of(at)
            at = self.space(at)
            if data[at : at + 1] == b"}":
                return at + 1
            if data[at : at + 1] != b",":
                raise self._malformed()
            at = self.space(at + 1)

    def _list(self, at: int, member: Callable[[int], Generator[None, None, int]]) -> Generator[None, None, int]:
        data = self._data
        if data.startswith(b"null", at):
            return at + 4
        if data[at : at + 1] != b"[":
            raise self._malformed()
        at = self.space(at + 1)
        if data[at : at + 1] == b"]":
            return at + 1
        while True:
            yield from self._step()
            at = self.space((yield from member(at)))
            if data[at : at + 1] == b"]":
                return at + 1
            if data[at : at + 1] != b",":
                raise self._malformed()
            at = self.space(at + 1)

    def _name(self, start: int, end: int) -> str:
        if end - start > _LONGEST_NAME:
            return "…"
        try:
            return str(orjson.loads(self._data[start:end]))
        except ValueError:
            raise self._malformed() from None

    def _end_of(self, at: int) -> Generator[None, None, int]:
        return self.quick_end(at) or (yield from self.far_end(at))

    def quick_end(self, at: int) -> int:
        """Where the value ends that begins here; 0 when it is large, deep or none."""
        window = at + _LIGHT_BYTES
        match = _VALUE.match(self._data, at, window)
        if match is None:
            return 0
        end = match.end()
        return end if end < window else 0

    def far_end(self, at: int) -> Generator[None, None, int]:
        """As `quick_end`, for any value; slower."""
        data, size = self._data, len(self._data)
        if at >= size or data[at] in _NO_STRUCTURE:
            raise self._malformed()
        depth = tokens = 0
        begin = at
        yield  # the quick expression has taken its time, too
        while at < size:
            match = _TOKEN.search(data, at, at + CHUNK_BYTES)
            tokens += 1
            if match is None:
                at += CHUNK_BYTES
                yield
                continue
            if tokens % STEPS == 0:
                yield
                if tokens > _MOST_TOKENS:
                    raise TooManyError(f"An item or a field has more than {MOST_PARTS} parts: send smaller ones.")
            at = match.end()
            match data[at - 1]:
                case 0x22:  # "
                    at = yield from self._string_end(at)
                    if not depth:
                        return at
                case 0x7B | 0x5B:  # { [
                    depth += 1
                    if depth > _DEEPEST:
                        raise MalformedRequestError(f"The body is nested deeper than {_DEEPEST} levels.")
                case 0x2C:  # ,
                    if not depth:
                        return at - 1
                case _:
                    depth -= 1
                    if depth < 0 and at - 1 > begin:
                        return at - 1  # a number or a word ends before it
                    if depth <= 0:
                        return at
        if depth:
            raise self._malformed()
        return size

    def _string_end(self, at: int) -> Generator[None, None, int]:
        data, size = self._data, len(self._data)
        while at < size:
            match = _IN_STRING.match(data, at, at + CHUNK_BYTES)
            at = match.end() if match else at
            if data[at : at + 1] == b'"':
                return at + 1
            if at + 1 >= size:  # nothing but a backslash is left
                break
            yield  # a backslash at the end of the window begins the next one
        raise self._malformed()

    def space(self, at: int) -> int:
        match = _SPACE.match(self._data, at)
        return match.end() if match else at

    def _step(self) -> Iterator[None]:
        self._steps += 1
        if self._steps % STEPS == 0:
            yield

    def _malformed(self) -> MalformedRequestError:
        outer, middle, inner = self._names
        return MalformedRequestError(f"The body is no OTLP request in JSON: {outer}[].{middle}[].{inner}[].")
