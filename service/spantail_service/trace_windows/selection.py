"""Which rows of a run are in a window of it, and what is folded into each (pure)."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from spantail_service.trace_windows.row_times import as_sent
from spantail_service.trace_windows.span_columns import TOP
from spantail_service.trace_windows.span_row import NOT_ENDED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from spantail_service.trace_windows.row_times import RowTimes
    from spantail_service.trace_windows.span_columns import Sums
    from spantail_service.trace_windows.span_table import SpanTable

_EACH: Final = 50  # children of one span, but for that which the window is of
_SLOWEST: Final = 16
_LOOKED_AT: Final = 20_000  # children that a time range is held against in one window


class Wanted(NamedTuple):
    """What a window is asked for."""

    root: int = TOP
    """A row; `TOP` for the whole run."""
    depth: int = 3
    """Levels below the root."""
    begin_us: int | None = None
    end_us: int | None = None
    limit: int = 1_000
    """Rows, `root` among them."""
    after: int | None = None
    """A child of the root: only those that follow it are taken in order."""
    path: bool = False
    """The spans above the root are wanted, too."""


class Folded(NamedTuple):
    """What stands below a row and is not in the window, but for what is folded into rows that are."""

    sums: Sums
    after: int | None
    """The last child that was taken in order; the next ones follow it. None: none was."""


class Selection(NamedTuple):
    """A window."""

    rows: list[int]
    """In pre-order."""
    folded: dict[int, Folded]
    """By row; `TOP` for what has no row above it."""


def select(table: SpanTable, wanted: Wanted, times: RowTimes | None = None) -> Selection:
    """Choose rows: what runs, what failed and what took longest, each with its ancestors; then level by level.

    Half of the window at most is for the former. A time range leaves out what does not reach into it, by the times as
    they were sent, or by `times`.
    """
    times = as_sent(table) if times is None else times
    chosen: dict[int, None] = {} if wanted.root == TOP else {wanted.root: None}
    _keep(table, wanted, times, chosen)
    last = _fill(table, wanted, times, chosen)
    top = wanted.root
    if wanted.path:
        while top != TOP:
            top = table.up[top]
            if top != TOP:
                chosen[top] = None
    below: dict[int, list[int]] = {}
    for row in chosen:
        if row != top:
            below.setdefault(table.up[row], []).append(row)
    for rows in below.values():
        rows.sort(key=table.key)
    ordered = list(_pre_order(top, below))
    folded: dict[int, Folded] = {}
    for row in (*(() if top != TOP else (TOP,)), *ordered):
        hidden = table.sums(row).minus(table.own(row))
        if not hidden.spans:
            continue
        for child in below.get(row, ()):
            hidden = hidden.minus(table.sums(child))
        if hidden.spans:
            folded[row] = Folded(hidden, last.get(row))
    return Selection(ordered, folded)


def _keep(table: SpanTable, wanted: Wanted, times: RowTimes, chosen: dict[int, None]) -> None:
    room = wanted.limit // 2
    sources: tuple[tuple[Iterable[int], int], ...] = (
        (reversed(table.running_rows), wanted.limit // 4),
        (table.error_rows, wanted.limit // 4),
        (table.slowest(), _SLOWEST),
    )
    for rows, most in sources:
        taken = 0
        for row in rows:
            if taken >= most or len(chosen) >= room:
                break
            if row in chosen or not _is_within(times, row, wanted):
                continue
            path = _path(table, row, wanted.root, chosen)
            if path is not None and len(chosen) + len(path) <= wanted.limit:
                chosen.update(dict.fromkeys(path))
                taken += 1


def _path(table: SpanTable, row: int, root: int, chosen: dict[int, None]) -> list[int] | None:
    """The row and its ancestors that are not chosen yet; None where it does not stand below the root."""
    path: list[int] = []
    while row not in chosen:
        if row == TOP:
            return path if root == TOP else None
        path.append(row)
        row = table.up[row]
    return path


def _fill(table: SpanTable, wanted: Wanted, times: RowTimes, chosen: dict[int, None]) -> dict[int, int]:
    """Take children in their order, level by level; the last one that was looked at, by its parent."""
    last: dict[int, int] = {}
    limit = max(wanted.limit, len(chosen) + 1)  # there is always a next one: whoever asks on gets on
    level = [wanted.root]
    for depth in range(wanted.depth):
        below: list[int] = []
        for above in level:
            if len(chosen) >= limit:
                return last
            children = table.children(above)
            first = 0
            if depth == 0 and wanted.after is not None:
                first = bisect_right(children, table.key(wanted.after), key=table.key)
            most = max(wanted.limit // 2, _EACH) if depth == 0 else _EACH
            for at in range(first, min(len(children), first + _LOOKED_AT)):
                if most <= 0 or len(chosen) >= limit:
                    break
                row = children[at]
                last[above] = row
                if not _is_within(times, row, wanted):
                    continue
                if row not in chosen:
                    chosen[row] = None
                    most -= 1
                below.append(row)
        level = below
    return last


def _is_within(times: RowTimes, row: int, wanted: Wanted) -> bool:
    if wanted.end_us is not None and times.starts[row] > wanted.end_us:
        return False
    end = times.ends[row]
    return wanted.begin_us is None or end == NOT_ENDED or end >= wanted.begin_us


def _pre_order(root: int, below: dict[int, list[int]]) -> Iterator[int]:
    stack = [root] if root != TOP else list(reversed(below.get(TOP, ())))
    while stack:
        row = stack.pop()
        yield row
        stack.extend(reversed(below.get(row, ())))
