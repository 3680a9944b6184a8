"""A part of a large trace."""

from __future__ import annotations

from pydantic import Field

from spantail_service.web.schemas.base import Described
from spantail_service.web.schemas.runs import Snapshot


class FoldedSpans(Described):
    """What stands below a span and is not in the window, but for what is folded into spans that are."""

    spans: int
    errors: int
    running: int
    llm: int = Field(description="Ended LLM calls, and spans that tell what calls within them came to.")
    priced: int
    unpriced: int
    cost_nano: int = Field(description="nano-USD.")
    after: str | None = Field(
        description="The last child that was looked at in order: as `after` it leads on. Null: ask from the first one."
    )


class TraceWindow(Snapshot):
    """Some spans of a run, in pre-order, with what is folded; polling on from `next_index` misses nothing."""

    folded: dict[str, FoldedSpans] = Field(
        description="By the span that it stands below; empty for spans without a parent that is known."
    )
    indexed: int = Field(description="Spans of the run that the service has read.")
    complete: bool = Field(description="It has read them all: otherwise ask again in a second.")
