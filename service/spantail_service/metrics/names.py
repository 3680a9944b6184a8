"""The name of a metric in OpenTelemetry, with the unit beside it, and in Prometheus, with the unit in it.

By the OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility".
"""

from __future__ import annotations

import re
from typing import Final

_UNITS: Final = {"s": "seconds", "ms": "milliseconds", "By": "bytes", "%": "percent"}
_SUFFIXES: Final = {"_seconds": "s", "_bytes": "By"}
_NO_LABEL: Final = re.compile(r"[^A-Za-z0-9_]")


def prometheus_name(name: str, unit: str) -> str:
    """Return the name of an instrument as Prometheus has it, without `_total`."""
    flat = label_name(name)
    suffix = _UNITS.get(unit)
    return flat if suffix is None or flat.endswith(f"_{suffix}") else f"{flat}_{suffix}"


def label_name(key: str) -> str:
    """Return the key of an attribute as Prometheus has it."""
    return _NO_LABEL.sub("_", key)


def otlp_name(name: str) -> tuple[str, str]:
    """Return name and unit of a Prometheus metric, given without `_total`, as OpenTelemetry has them."""
    for suffix, unit in _SUFFIXES.items():
        if name.endswith(suffix):
            return name.removesuffix(suffix).replace("_", "."), unit
    return name.replace("_", "."), ""
