"""Circuit breakers of the LLM backends."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from spantail_service.web.schemas.base import Described


class CircuitBreaker(Described):
    """The circuit of a backend and model."""

    backend: str
    model: str
    state: Literal["closed", "open", "half_open"] = Field(
        description="`open`: it is not asked before `until`; `half_open`: one attempt finds out whether it works again."
    )
    failures: int = Field(description="In a row.")
    reason: str | None = Field(description="Why the last attempt failed.")
    opened: int | None = Field(description="Microseconds since the epoch.")
    until: int | None = Field(description="Microseconds since the epoch.")
    missing_on: list[str] = Field(description="Hosts on which the backend is not installed.")


class Breakers(Described):
    """Every circuit that was used within a day."""

    breakers: list[CircuitBreaker]
