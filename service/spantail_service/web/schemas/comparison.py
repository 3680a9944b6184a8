"""Two runs side by side."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spantail_service.web.schemas.base import SPAN_ID, Described, SpanStatus
from spantail_service.web.schemas.runs import Run


class ComparedTokens(Described):
    """Token counts of a span and everything below it."""

    input: int
    output: int


class ComparedSide(Described):
    """One of two counterparts. Absent is unknown; tokens and cost are those of the span and everything below it."""

    span_id: str = Field(pattern=SPAN_ID)
    status: SpanStatus
    start: int
    end: int | None = Field(description="Null while it runs.")
    backend: str | None = None
    model: str | None = None
    fallback_from: str | None = None
    fallback_reason: str | None = None
    error: str | None = Field(None, description="The error's message, cut; without one its type.")
    tokens: ComparedTokens | None = None
    cost_nano: int | None = None
    unpriced: int | None = Field(None, description="Calls without a price.")


class ComparedRow(Described):
    """Two counterparts, or one span that only one of the runs has; rows are in pre-order."""

    depth: int
    name: str = Field(description="As run `b` has it, where both have it.")
    kind: str
    a: ComparedSide | None
    b: ComparedSide | None
    changed: list[Literal["name", "status", "backend", "model", "error", "tokens", "cost", "input", "output"]] = Field(
        description="What differs, apart from times. `input` is prompt or arguments, `output` answer or result: named "
        "where both runs kept them."
    )


class Comparison(Described):
    """Two runs, and their spans side by side."""

    a: Run
    b: Run
    both: int = Field(description="Spans that have a counterpart.")
    only_a: int
    only_b: int
    differing: int = Field(description="Pairs of counterparts that differ in more than their times.")
    left_out: int = Field(description="Rows that are not in the answer.")
    rows: list[ComparedRow]
