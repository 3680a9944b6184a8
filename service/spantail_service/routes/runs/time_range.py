"""The part of a run's time that a request is about."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

_MOST_US = 2**53

FromUs = Annotated[int | None, Query(alias="from", ge=0, le=_MOST_US, description="µs since the epoch.")]
ToUs = Annotated[int | None, Query(alias="to", ge=0, le=_MOST_US, description="µs since the epoch.")]
