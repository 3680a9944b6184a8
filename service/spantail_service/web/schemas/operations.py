"""Operations, and the runs that they begin."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from spantail_service.web.schemas.base import RUN_ID, Described, RunStatus


class OperationItem(Described):
    """One operation that can be started."""

    name: str
    title: str
    description: str
    path: str = Field(description="Where to post its input.")
    input_schema: dict[str, Any] = Field(description="JSON Schema of the input.")
    layers: list[str]


class Operations(Described):
    """The catalogue."""

    operations: list[OperationItem]
    demo: bool
    login: bool = Field(description="Browsers sign in here: a token is set.")


class StartedRun(Described):
    """A run that has begun, or waits to."""

    run_id: str = Field(pattern=RUN_ID)
    status: RunStatus
    item_id: str | None = Field(None, description="The item of the queue that it is a run of; absent without `queue`.")
