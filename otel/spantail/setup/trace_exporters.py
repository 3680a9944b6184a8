"""Which exporters the environment asks for (OpenTelemetry specification, "Environment Variable Specification").

The SDK reads the exporters' own settings (endpoint, headers, timeouts, `OTEL_BSP_*`) itself; here it is only
decided which of them there are.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from spantail.redaction.secret_patterns import mask_secrets
from spantail.setup.entry_points import entry_points
from spantail.urls import split_url

if TYPE_CHECKING:
    from collections.abc import Mapping

_logger: Final = logging.getLogger("spantail")


class Signal(NamedTuple):
    """What the environment calls the settings of a signal."""

    exporter: str
    """The variable that names exporters."""
    group: str
    """The entry-point group that they are found in."""
    endpoints: tuple[str, ...]
    protocols: tuple[str, ...]
    what: str
    """What one of its exporters is called in the log."""


TRACES: Final = Signal(
    "OTEL_TRACES_EXPORTER",
    "opentelemetry_traces_exporter",
    ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
    "span exporter",
)
METRICS: Final = Signal(
    "OTEL_METRICS_EXPORTER",
    "opentelemetry_metrics_exporter",
    ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"),
    ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
    "metric exporter",
)

_HTTP: Final = "otlp_proto_http"
_GRPC: Final = "otlp_proto_grpc"
_LIVE: Final = "livetail"  # the live pipeline itself, which needs no exporter


class NamedExporter(NamedTuple):
    """An exporter, and what to call it in the log."""

    label: str
    exporter: Any


def shown_url(url: str) -> str:
    """Return scheme, hosts (a cluster has several), ports and path of a URL: what may stand in a log."""
    try:
        parts = split_url(url)
        hosts = ",".join(_shown_host(one) for one in parts.netloc.rpartition("@")[2].split(","))
    except ValueError:
        return "(an address that cannot be read)"
    return f"{parts.scheme}://{hosts}{parts.path}" if parts.scheme else "(an address without a scheme)"


def _shown_host(address: str) -> str:
    one = urlsplit(f"//{address}")
    host = one.hostname or ""
    return (f"[{host}]" if ":" in host else host) + (f":{one.port}" if one.port else "")


def exporters_asked_for(environ: Mapping[str, str], signal: Signal = TRACES) -> list[NamedExporter]:
    """Make the exporters that OTEL_TRACES_EXPORTER (or its like) names; without it, OTLP if an endpoint is set.

    Args:
        environ: The environment.
        signal: What they export.

    Returns:
        The exporters; `none` means none. One that is not installed or cannot be made is left out with a warning.
    """
    names = _split(environ.get(signal.exporter, ""))
    if not names:
        names = ["otlp"] if any(environ.get(name) for name in signal.endpoints) else []
    made = []
    for name in dict.fromkeys(names):
        if name in ("none", _LIVE):
            continue
        exporter = _otlp(name, environ, signal) if name in ("otlp", _HTTP, _GRPC) else _load(name, signal)
        if exporter is not None:
            made.append(exporter)
    return made


def component(group: str, name: str) -> Any | None:
    """Load the entry point `name` of `group`; None, with a warning, when there is none or it cannot be loaded."""
    for entry_point in entry_points(group, name):
        try:
            return entry_point.load()
        except Exception as error:
            _logger.warning("%s %r could not be loaded: %s", group, name, mask_secrets(str(error)))
            return None
    _logger.warning("%s %r is not installed", group, name)
    return None


def _otlp(name: str, environ: Mapping[str, str], signal: Signal) -> NamedExporter | None:
    protocol = next((environ[key].strip().lower() for key in signal.protocols if environ.get(key)), "http/protobuf")
    if name == _GRPC or (name == "otlp" and protocol == "grpc"):
        if any(entry_points(signal.group, _GRPC)):
            loaded = _load(_GRPC, signal)
            if loaded is not None:
                shown = _endpoint(environ, signal, "http://localhost:4317")
                return NamedExporter(f"otlp → {shown} (grpc)", loaded.exporter)
        _logger.warning(
            "OTLP over gRPC is asked for, but opentelemetry-exporter-otlp-proto-grpc is not usable here; "
            "using OTLP over HTTP, whose port is usually 4318, not 4317"
        )
    elif name == "otlp" and protocol != "http/protobuf":
        _logger.warning("OTLP protocol %r is not supported, using http/protobuf", protocol)
    loaded = _load(_HTTP, signal)
    if loaded is None:
        return None
    shown = _endpoint(environ, signal, "http://localhost:4318")
    return NamedExporter(f"otlp → {shown} (http/protobuf)", loaded.exporter)


def _load(name: str, signal: Signal) -> NamedExporter | None:
    factory = component(signal.group, name)
    if factory is None:
        return None
    try:
        return NamedExporter(name, factory())
    except Exception as error:
        _logger.warning("%s %r could not be made: %s", signal.what, name, mask_secrets(str(error)))
        return None


def _endpoint(environ: Mapping[str, str], signal: Signal, default: str) -> str:
    return shown_url(next((environ[key] for key in signal.endpoints if environ.get(key)), default))


def _split(text: str) -> list[str]:
    return [part.strip().lower() for part in text.split(",") if part.strip()]
