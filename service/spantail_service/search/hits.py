"""The hits of one part of a run: collected in any order, kept and given out by their start (pure)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import orjson

from spantail_service.errors import InputRefusedError
from spantail_service.search.matches import matches_of
from spantail_service.search.query import may_match

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spantail_service.search.matches import Match
    from spantail_service.search.query import Term

_CURSOR: Final = re.compile(r"(spans|events)\.(\d{1,20})(?:\.(\d{1,16})\.([0-9a-f]{16}|\d{1,16}))?")
_SPARE: Final = 4  # so many times the limit are held before the surplus is let go


class Place(NamedTuple):
    """Where a search stands: which part of the run it looks at, and behind which hit of it."""

    part: str = "spans"
    at: int = 0
    """Of the spans a cursor of Redis, of the events the first index."""
    after: tuple[int, str] = (-1, "")
    """Start (µs) and id of the last hit that was given out."""

    @property
    def cursor(self) -> str:
        """As text, for the next request."""
        where = f"{self.part}.{self.at}"
        return f"{where}.{self.after[0]}.{self.after[1]}" if self.after[0] >= 0 else where


def parse_cursor(cursor: str | None) -> Place:
    """The place that a cursor names; the beginning where there is none.

    Raises:
        InputRefusedError: no search has given it out.
    """
    if cursor is None:
        return Place()
    found = _CURSOR.fullmatch(cursor)
    if found is None or int(found[2]) >= 1 << 64:
        raise InputRefusedError("This is no cursor that a search has given out.", kind="malformed-cursor")
    after = (int(found[3]), found[4]) if found[3] is not None else (-1, "")
    return Place(found[1], int(found[2]), after)


class Hit(NamedTuple):
    """A span, or a log line that belongs to none that is known."""

    start: int
    id: str
    """Of the span; of a line without one its index."""
    span_id: str | None
    name: str | None
    kind: str | None
    status: str | None
    seq: int | None
    """Index of the log line, where it is one that was found."""
    matches: list[Match]

    def as_json(self) -> dict[str, Any]:
        """As it is answered."""
        named = self._asdict()
        del named["id"]
        return {**named, "matches": [match._asdict() for match in self.matches]}


class Collector:
    """Looks at states and lines, counts what fulfils the terms, and keeps the first hits behind a place."""

    def __init__(self, terms: tuple[Term, ...], after: tuple[int, str], limit: int) -> None:
        self._terms = terms
        self._after = after
        self._limit = limit
        self._hits: dict[str, Hit] = {}
        self._seen: set[str] = set()
        self.parsed = 0
        """States and lines that had to be parsed."""
        self.left_out = False
        """There are hits behind those that are kept."""

    @property
    def found(self) -> int:
        """Hits, those in front of the place and those that are not kept among them."""
        return len(self._seen)

    def look_at_spans(self, states: Iterable[bytes]) -> None:
        """Look at stored states, in any order; a state that comes twice counts once."""
        for state in states:
            if not may_match(self._terms, state):
                continue
            span = orjson.loads(state)
            self.parsed += 1
            if matches := matches_of(self._terms, span, is_line=False):
                self._take(self._hit_of(span, matches, None))

    def look_at_lines(self, first_seq: int, events: Iterable[bytes]) -> list[Hit]:
        """The hits among events of the tail, for `take_lines`; only log lines count, all others stand in their span."""
        lines: dict[str, Hit] = {}
        for seq, stored in enumerate(events, first_seq):
            if b'"event":"log"' not in stored or not may_match(self._terms, stored):
                continue
            event = orjson.loads(stored)
            self.parsed += 1
            if event.get("event") == "log" and (matches := matches_of(self._terms, event, is_line=True)):
                span_id = event.get("span_id")
                line = Hit(event.get("ts", 0), span_id or str(seq), span_id, None, None, None, seq, matches)
                if line.id not in self._seen:
                    lines.setdefault(line.id, line)
        return list(lines.values())

    def take_lines(self, lines: Iterable[Hit], states: Iterable[bytes | None]) -> None:
        """Take what `look_at_lines` has found, with the states of the spans that the lines belong to."""
        spans = {span["span_id"]: span for span in map(orjson.loads, filter(None, states))}
        for line in lines:
            span = spans.get(line.span_id)
            self._take(line if span is None else self._hit_of(span, line.matches, line.seq))

    def first(self) -> list[Hit]:
        """The kept hits by start, at most as many as the limit."""
        self._let_go(self._limit)
        return sorted(self._hits.values(), key=_place_of)

    def _hit_of(self, span: dict[str, Any], matches: list[Match], seq: int | None) -> Hit:
        span_id = str(span["span_id"])
        start = span.get("start") or span.get("ts") or 0
        return Hit(start, span_id, span_id, span.get("name") or "", span.get("kind"), span.get("status"), seq, matches)

    def _take(self, hit: Hit) -> None:
        self._seen.add(hit.id)
        if _place_of(hit) <= self._after:
            return
        self._hits[hit.id] = hit
        if len(self._hits) > _SPARE * self._limit:
            self._let_go(self._limit)

    def _let_go(self, keep: int) -> None:
        if len(self._hits) <= keep:
            return
        self.left_out = True
        first = sorted(self._hits.values(), key=_place_of)[:keep]
        self._hits = {hit.id: hit for hit in first}


def _place_of(hit: Hit) -> tuple[int, str]:
    return hit.start, hit.id
