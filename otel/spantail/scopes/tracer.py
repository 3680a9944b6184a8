"""The tracer that scopes make their spans with."""

from __future__ import annotations

import functools
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry import trace


@functools.cache
def instrumentation_version() -> str:
    """Return the version of this package, which its tracer bears."""
    try:
        return metadata.version("spantail")
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed
        return "0"


@functools.lru_cache(maxsize=1)
def tracer_of(provider: trace.TracerProvider) -> trace.Tracer:
    """Return the tracer `spantail` of a provider."""
    # kept, because the SDK's get_tracer takes a lock and resets the warning filters on each call
    return provider.get_tracer("spantail", instrumentation_version())
