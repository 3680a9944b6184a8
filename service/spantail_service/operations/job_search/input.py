"""What a job search is asked for."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from spantail_service.operations.sources import SourceName

_Phrase = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$"),
]


class JobSearchInput(BaseModel):
    """What to search for."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Job search")

    job_titles: list[_Phrase] = Field(
        min_length=1,
        max_length=10,
        title="Job titles",
        description="What the job may be called.",
        examples=[["python developer"]],
    )
    locations: list[_Phrase] = Field(
        default_factory=list,
        max_length=10,
        title="Locations",
        description="Countries or cities; empty means anywhere.",
        examples=[["Germany"]],
    )
    remote: bool | None = Field(default=None, title="Remote", description="Remote jobs only, on-site only, or either.")
    max_results: int = Field(
        default=12, ge=1, le=50, title="Results", description="How many jobs the ranked list may have."
    )
    sources: list[SourceName] = Field(
        default_factory=lambda: list(SourceName),
        min_length=1,
        max_length=len(SourceName),
        title="Sources",
        description="Where to look.",
    )
