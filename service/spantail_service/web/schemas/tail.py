"""The tail: its records, and a part of it with where the run stands."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from spantail_service.web.schemas.base import RUN_ID, RunStatus
from spantail_service.web.schemas.totals import BackendTotals, Layer, Marks


class TailEvent(BaseModel):
    """One record of the tail: a change of a span (then with the fields of its state), a span event or a log line."""

    model_config = ConfigDict(extra="allow")

    seq: int = Field(ge=0)
    ts: int
    event: str
    run_id: str = Field(pattern=RUN_ID)
    span_id: str | None = None
    level: str | None = None
    logger: str | None = None
    message: str | None = None


class Frame(Marks):
    """The tail from an index on, and where the run stands."""

    run_id: str = Field(pattern=RUN_ID)
    status: RunStatus
    logs: list[TailEvent]
    next_index: int = Field(description="`since` of the next request.")
    first_index: int = Field(description="The oldest event that is still there.")
    reset: bool = Field(description="The reader's place is gone: take the snapshot again.")
    epoch: str | None = Field(description="Another one: Redis had lost data, take the snapshot again.")
    expected_log_count: int | None = Field(description="Set once the run has settled.")
    layers: list[Layer]
    backends: dict[str, BackendTotals]
    dropped: dict[str, int] = Field(description="Events that were lost, by reason.")
