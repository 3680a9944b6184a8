"""Sessions: conversations over runs."""

from __future__ import annotations

from pydantic import Field

from spantail_service.web.schemas.base import Described
from spantail_service.web.schemas.runs import RunSummary
from spantail_service.web.schemas.totals import Tokens


class SessionBackend(Described):
    """What the calls of a session at one backend come to."""

    calls: int
    cost_usd: float
    cost_nano: int


class SessionSummary(Described):
    """One session as the list shows it: sums over its runs that are here."""

    session_id: str
    runs: int
    open: int = Field(description="Runs that go on.")
    demo: int = Field(description="Runs that worked on demo data.")
    first: int = Field(description="Start of its first run (µs since the epoch).")
    last: int = Field(description="When it was last active (µs since the epoch).")
    spans: int
    errors: int = Field(description="Spans in error.")
    calls: int = Field(description="Attempts that were made; one that was skipped is none.")
    unpriced: int = Field(description="Calls without a price: their money is not in the sum.")
    tokens: Tokens
    cost_usd: float
    cost_nano: int
    backends: dict[str, SessionBackend]


class Session(SessionSummary):
    """One session with its runs."""

    items: list[RunSummary] = Field(description="Its runs in the order of their start.")
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last.")


class SessionsPage(Described):
    """One page of sessions."""

    sessions: list[SessionSummary]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last.")
