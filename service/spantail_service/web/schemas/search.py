"""What a search within a run answers."""

from __future__ import annotations

from pydantic import Field

from spantail_service.web.schemas.base import RUN_ID, SPAN_ID, Described, SpanStatus


class SearchMatch(Described):
    """One place of a hit: the text that was found, and up to 60 characters on either side of it."""

    field: str = Field(description="`name`, `error.message`, `attributes.KEY`, `events.name`, `log.message`, …")
    before: str
    match: str
    after: str


class SearchHit(Described):
    """A span that fulfils the search, itself or by a log line of its; or a log line of no known span."""

    start: int = Field(description="Of the span, or when the line was logged.")
    span_id: str | None = Field(pattern=SPAN_ID)
    name: str | None
    kind: str | None
    status: SpanStatus | None
    seq: int | None = Field(description="Index of the log line that was found; null where the span itself was.")
    matches: list[SearchMatch] = Field(description="At most five.")


class RunSearchAnswer(Described):
    """Where a run holds what was searched for, by start."""

    run_id: str = Field(pattern=RUN_ID)
    hits: list[SearchHit]
    found: int = Field(description="Hits in the part of the run that was looked through.")
    is_whole: bool = Field(
        description="That part is the whole run: `found` is the total. Else there are at least as many."
    )
    next_cursor: str | None = Field(description="`cursor` of what follows; null at the end.")
