"""The operations that the service offers, and what they work with."""

from collections.abc import Mapping
from types import MappingProxyType

from spantail_service.operations.annotations import operation as annotations
from spantail_service.operations.annotations.operation import AnnotationInput
from spantail_service.operations.base import Operation, OperationError, Tools
from spantail_service.operations.job_search import operation as job_search
from spantail_service.operations.job_search.input import JobSearchInput
from spantail_service.operations.tools import open_tools

CATALOGUE: Mapping[str, Operation] = MappingProxyType(
    {operation.name: operation for operation in (job_search.OPERATION, annotations.OPERATION)}
)
"""By name."""

__all__ = [
    "CATALOGUE",
    "AnnotationInput",
    "JobSearchInput",
    "Operation",
    "OperationError",
    "Tools",
    "open_tools",
]
