"""What is said of a run as a whole, from its index."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from spantail_service.web.schemas.base import SPAN_ID, Described
from spantail_service.web.schemas.spans import SpanState

FromTo = Annotated[list[int], Field(min_length=2, max_length=2)]
"""From and to, in microseconds since the epoch."""


class _Indexed(Described):
    epoch: str | None
    indexed: int = Field(description="Spans of the run that the service has read.")
    complete: bool = Field(description="It has read them all. Until then nothing else is said: ask again in a second.")


class RunJump(_Indexed):
    """Where a jump leads."""

    to: Literal["error", "running", "slowest", "dearest"]
    span_ids: list[str] = Field(
        description="The next error or running span; or the slowest or dearest ones, at most 20, the first one first."
    )


class RunCriticalPath(_Indexed):
    """What the run had to wait for."""

    parts: dict[str, list[FromTo]] = Field(
        description="By span, from when to when (µs) it is on the path, the latest first."
    )
    spans: int = Field(description="Spans on the path.")
    length_us: int
    left_out_us: int = Field(description="What the spans on it that are not in `parts` come to.")


class RunTimes(_Indexed):
    """The time that a run takes."""

    start: int | None = Field(description="µs since the epoch, as `end`; null while nothing is said.")
    end: int | None
    outside: int = Field(description="Spans that lie so far off that they do not belong to it.")
    skewed: int = Field(description="Spans whose clock is thought wrong.")
    gaps: list[FromTo] = Field(description="Long waits in which nothing worked.")


class RunMinimap(_Indexed):
    """A run in small."""

    from_us: int = Field(alias="from")
    to_us: int = Field(alias="to")
    lanes: list[str] = Field(
        description="A letter for each step of time, a blank where nothing is: `o` spans with others below them,"
        " `p` ones without, `l` an LLM call, `f` one that another backend had failed before, `r` what runs, `e` what"
        " failed. What comes later here counts more."
    )


class FlamePlace(Described):
    """Where a span stands in the flame graph."""

    lane: int
    start: int
    end: int | None


class FlameFrame(FlamePlace):
    """A span, or several of one lane that are too narrow to be told apart."""

    span_id: str = Field(pattern=SPAN_ID, description="Of several the first one.")
    spans: int
    errors: int
    outer: bool = Field(description="It is one span, and has spans below it.")


class RunFlame(_Indexed):
    """A part of a run's flame graph."""

    from_us: int = Field(alias="from")
    to_us: int = Field(alias="to")
    lanes: int = Field(description="Of the whole graph.")
    frames: list[FlameFrame] = Field(description="Those in sight, by lane and start.")
    states: list[SpanState] = Field(description="Of the single spans that are wide enough for a word.")
    place: FlamePlace | None = Field(description="Of the span that was asked for.")
