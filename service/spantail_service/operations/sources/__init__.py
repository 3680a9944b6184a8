"""Where jobs come from."""

from spantail_service.operations.sources.base import (
    JobPosting,
    JobQuery,
    JobSource,
    SourceName,
    SourceUnavailableError,
)
from spantail_service.operations.sources.himalayas import HimalayasBoard
from spantail_service.operations.sources.jobspy import JobspySource

__all__ = [
    "HimalayasBoard",
    "JobPosting",
    "JobQuery",
    "JobSource",
    "JobspySource",
    "SourceName",
    "SourceUnavailableError",
]
