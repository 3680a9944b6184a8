"""The tree of a run as rows, and which of them fit where there is room for a few. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import nlargest
from typing import TYPE_CHECKING, Any, Final

from spantail import attributes as key
from spantail_exporters.model.rules.money import is_unpriced
from spantail_exporters.model.rules.wrapping import wrappers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_LEVELS: Final = 14  # deeper levels are not indented further: the name must keep room
_TRIES: Final = 4  # candidates looked at for each line there is


@dataclass(slots=True)
class Row:
    """One span in its place. A span that is only known as a parent has no `span`."""

    span_id: str
    span: Mapping[str, Any] | None
    parent: int
    """Index of the parent's row; -1 at the top."""
    lasts: tuple[bool, ...]
    """For each level below the top, as far as levels are drawn: whether the branch's last child stands there."""
    nano: int = 0
    """What the row and everything below it cost, in nano-USD."""
    unpriced: int = 0


def tree_rows(spans: Mapping[str, Mapping[str, Any]]) -> list[Row]:
    """Every span below its parent, children by their start.

    A parent that is not there stands as a placeholder at the top. A loop of parents is cut, so that every span is
    shown once.
    """
    children: dict[str | None, list[str]] = {}
    for span_id, span in spans.items():
        children.setdefault(span.get("parent_id"), []).append(span_id)

    def start_of(span_id: str) -> tuple[int, str]:
        return spans[span_id].get("start") or spans[span_id].get("ts") or 0, span_id

    for ids in children.values():
        ids.sort(key=start_of)
    tops = [(start_of(span_id), span_id) for span_id in children.get(None, ())]
    tops += [
        ((start_of(ids[0])[0], parent), parent)
        for parent, ids in children.items()
        if parent is not None and parent not in spans
    ]
    rows: list[Row] = []
    seen: set[str] = set()
    for _, top in sorted(tops):
        _walk(top, spans, children, rows, seen)
    if len(seen) < len(spans):  # what is left hangs in loops
        for span_id in sorted((span_id for span_id in spans if span_id not in seen), key=start_of):
            if span_id not in seen:
                _walk(span_id, spans, children, rows, seen)
    _sum_up(rows, spans)
    return rows


def _walk(
    top: str,
    spans: Mapping[str, Mapping[str, Any]],
    children: Mapping[str | None, list[str]],
    rows: list[Row],
    seen: set[str],
) -> None:
    """Depth first, without recursion: chains of spans may be deeper than Python's stack."""
    waiting: list[tuple[str, int, tuple[bool, ...]]] = [(top, -1, ())]
    while waiting:
        span_id, parent, lasts = waiting.pop()
        if span_id in seen:
            continue
        seen.add(span_id)
        index = len(rows)
        rows.append(Row(span_id, spans.get(span_id), parent, lasts))
        below = children.get(span_id, ())
        for i in range(len(below) - 1, -1, -1):
            levels = (*lasts[: _MOST_LEVELS - 1], i == len(below) - 1)
            waiting.append((below[i], index, levels))


def _sum_up(rows: Sequence[Row], spans: Mapping[str, Mapping[str, Any]]) -> None:
    """Carry cost up to the rows above. A wrapper of an LLM call counts nothing itself."""
    counted_elsewhere = wrappers(spans)
    for row in reversed(rows):
        if row.span is not None and row.span_id not in counted_elsewhere:
            stated = row.span if row.span.get("kind") == key.KIND_LLM_CALL else row.span.get("account")
            if stated is not None:
                row.nano += stated.get("cost_nano") or 0
                row.unpriced += is_unpriced(row.span) if stated is row.span else "cost_nano" not in stated
        if row.parent >= 0:
            above = rows[row.parent]
            above.nano += row.nano
            above.unpriced += row.unpriced


@dataclass(frozen=True, slots=True)
class Gap:
    """Rows that are left out."""

    count: int
    lasts: tuple[bool, ...]
    """Where the topmost of them stands, as `Row.lasts`."""


def choose(rows: Sequence[Row], room: int) -> list[Row | Gap]:
    """What to show of `rows` on `room` lines: all of it, or what matters now, each with its ancestors.

    What runs comes first, then what failed, then what ended last. Rows left out are a `Gap`.
    """
    if len(rows) <= room:
        return list(rows)
    kept: set[int] = set()
    misses = 0
    for index in nlargest(room * _TRIES, range(len(rows)), key=lambda index: _urgency(rows[index])):
        wanted = set(kept)
        at = index
        while at >= 0 and at not in wanted:
            wanted.add(at)
            at = rows[at].parent
        if _lines(wanted, len(rows)) <= room:
            kept = wanted
        else:
            misses += 1
            if misses > room:
                break
    return _with_gaps(rows, sorted(kept))


def _urgency(row: Row) -> tuple[int, int]:
    span = row.span or {}
    status = span.get("status")
    level = 2 if status == "running" else 1 if status in ("error", "abandoned") else 0
    return level, span.get("end") or span.get("start") or 0


def _lines(kept: set[int], total: int) -> int:
    """Lines that rows need, with one for each gap between, before and after them."""
    starts = sum(1 for index in kept if index - 1 not in kept)  # each begins after a gap, …
    return (
        len(kept) + starts - (0 in kept) + (total - 1 not in kept)
    )  # … but the first row, and there is one at the end


def _with_gaps(rows: Sequence[Row], kept: Sequence[int]) -> list[Row | Gap]:
    shown: list[Row | Gap] = []
    at = 0
    for index in (*kept, len(rows)):
        if index > at:
            shown.append(Gap(index - at, min((row.lasts for row in rows[at:index]), key=len)))
        if index < len(rows):
            shown.append(rows[index])
        at = index + 1
    return shown
