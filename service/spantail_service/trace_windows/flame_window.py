"""What is in sight of a flame graph; what is too narrow to be seen is merged and counted (pure)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from spantail_service.trace_windows.flame_layout import STILL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spantail_service.trace_windows.flame_layout import FlameLayout, Lane

NARROW_PX: Final = 2
"""What is narrower is merged with what stands beside it."""
MOST_FRAMES: Final = 20_000
"""In one window; with more the merging is coarser."""


class FlameWanted(NamedTuple):
    """What is in sight."""

    begin_us: int
    end_us: int
    width_px: int
    first: int
    """The first lane."""
    lanes: int
    now_us: int


class Frame(NamedTuple):
    """A span, or several of one lane that are too narrow to be told apart."""

    lane: int
    start: int
    end: int
    """`STILL` while it runs."""
    row: int
    """The first one's."""
    spans: int
    errors: int


def flame_window(layout: FlameLayout, wanted: FlameWanted) -> list[Frame]:
    """The frames in sight, by lane and start."""
    grain = max(1, NARROW_PX * (wanted.end_us - wanted.begin_us) // max(1, wanted.width_px))
    while True:
        frames: list[Frame] = []
        for lane in range(wanted.first, min(len(layout.lanes), wanted.first + wanted.lanes)):
            frames.extend(_in_lane(lane, layout.lanes[lane], wanted, grain))
            if len(frames) > MOST_FRAMES:
                break
        if len(frames) <= MOST_FRAMES:
            return frames
        grain *= 2


def _in_lane(number: int, lane: Lane, wanted: FlameWanted, grain: int) -> Iterator[Frame]:
    """Narrow ones are gathered as long as they stand side by side; failed ones not with others: they stay visible."""
    starts, ends, errors = lane.starts, lane.ends, lane.errors
    gathered: Frame | None = None
    at, count = bisect_left(ends, wanted.begin_us), bisect_right(starts, wanted.end_us)
    while at < count:
        start = starts[at]
        if _length(lane, at, wanted.now_us) >= grain:
            if gathered is not None:
                yield gathered
                gathered = None
            yield Frame(number, start, ends[at], lane.rows[at], 1, errors[at + 1] - errors[at])
            at += 1
            continue
        # All that begin in one step of a fixed grid, so that frames do not change while time is moved.
        following = bisect_left(starts, (start // grain + 1) * grain, at + 1, count)
        if following - 1 > at and _length(lane, following - 1, wanted.now_us) >= grain:
            following -= 1
        failed = errors[following] - errors[at]
        end = ends[following - 1]
        if gathered is not None and start - gathered.end < grain and (failed > 0) == (gathered.errors > 0):
            gathered = gathered._replace(
                end=end, spans=gathered.spans + following - at, errors=gathered.errors + failed
            )
        else:
            if gathered is not None:
                yield gathered
            gathered = Frame(number, start, end, lane.rows[at], following - at, failed)
        at = following
    if gathered is not None:
        yield gathered


def _length(lane: Lane, at: int, now_us: int) -> int:
    end = lane.ends[at]
    return (now_us if end == STILL else end) - lane.starts[at]
