"""What an ingest or an import of jobs is asked for."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from spantail_service.operations.sources import SourceName

_Phrase = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]*$"),
]
_JobId = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]


class Wanted(BaseModel):
    """What jobs are scored against."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    keywords: list[_Phrase] = Field(
        min_length=1,
        max_length=10,
        title="Keywords",
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
    profile: str = Field(
        default="",
        max_length=4_000,
        title="Profile",
        description="What else counts, in your own words.",
    )


class IngestInput(Wanted):
    """Where to look for new jobs."""

    model_config = ConfigDict(title="Job ingest")

    remote: bool | None = Field(default=None, title="Remote", description="Remote jobs only, on-site only, or either.")
    max_jobs: int = Field(
        default=20, ge=1, le=50, title="Jobs", description="How many jobs to read from each source, at most."
    )
    sources: list[SourceName] = Field(
        default_factory=lambda: list(SourceName),
        min_length=1,
        max_length=len(SourceName),
        title="Sources",
        description="Where to look.",
    )


class ImportInput(Wanted):
    """Which jobs to take in."""

    model_config = ConfigDict(title="Job import")

    job_ids: list[_JobId] = Field(
        min_length=1,
        max_length=20,
        title="Jobs",
        description="Ids of jobs, from a job search.",
        examples=[["python-developer-1000000000"]],
    )
