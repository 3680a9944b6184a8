"""Every operation that the service offers."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from spantail_service.operations.annotations.operation import ANNOTATIONS
from spantail_service.operations.cv_pipeline.operation import CV_PIPELINE
from spantail_service.operations.discovery import with_found
from spantail_service.operations.job_ingest.operation import JOB_IMPORT, JOB_INGEST
from spantail_service.operations.job_search.operation import JOB_SEARCH
from spantail_service.operations.outreach.operation import OUTREACH

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.operations.base import Operation

CATALOGUE: Mapping[str, Operation] = MappingProxyType(
    {
        operation.name: operation
        for operation in (JOB_SEARCH, JOB_INGEST, JOB_IMPORT, ANNOTATIONS, OUTREACH, CV_PIPELINE)
    }
)
"""The operations of this package by name, in the order of the page."""


def catalogue() -> Mapping[str, Operation]:
    """Every operation that there is: those of this package, and those that others bring (`discovery.py`)."""
    return MappingProxyType(with_found(CATALOGUE))
