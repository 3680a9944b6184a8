"""Problem details, the one shape of every error."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from spantail_service.web.schemas.base import Described


class FieldProblem(Described):
    """One thing that does not fit."""

    loc: list[str | int] = Field(description="Where: `body`, `query` or `path`, then names and indices.")
    msg: str


class Problem(BaseModel):
    """Problem details (RFC 9457). `type` is stable and for programs, `detail` is for people."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="`urn:spantail:problem:…`, or `about:blank` where the status says it all.")
    title: str
    status: int = Field(ge=400, le=599)
    detail: str | None = Field(None, description="What was wrong and what to do.")
    errors: list[FieldProblem] | None = Field(None, description="With 422: what does not fit, one by one.")
