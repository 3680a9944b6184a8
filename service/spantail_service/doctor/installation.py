"""What is installed in this Python: packages, their versions, and the entry points that wiring relies on."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import TYPE_CHECKING, Final

from spantail_service import __version__
from spantail_service.doctor.finding import Finding, note, ok, wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spantail_service.doctor.environment import Destinations

_OURS: Final = (
    ("spantail_live_sink", "redis"),
    ("spantail_live_sink", "otlp"),
    ("opentelemetry_traces_exporter", "livetail"),
    ("opentelemetry_pre_instrument", "spantail"),
)
_EXPORTERS: Final = "opentelemetry_traces_exporter"
_WITHOUT_ENTRY_POINT: Final = frozenset({"none", "otlp"})
_SHOWN: Final = ("opentelemetry-sdk", "redis")


def installation_findings(destinations: Destinations, environ: Mapping[str, str]) -> list[Finding]:
    """Findings about this Python: is Spantail installed so that OpenTelemetry finds it, and does each name resolve?"""
    found: list[Finding] = []
    versions = ", ".join(f"{name} {_version(name)}" for name in _SHOWN)
    found.append(ok("packages", f"spantail {__version__}, {versions}, Python {sys.version.split()[0]} ({sys.prefix})"))
    broken = [f"{group}:{name} ({why})" for group, name in _OURS if (why := _trouble(group, name))]
    if broken:
        found.append(
            wrong(
                "wiring",
                f"Entry points are missing or cannot be loaded: {'; '.join(broken)}.",
                "Install Spantail in this Python: pip install --force-reinstall spantail.",
            )
        )
    else:
        found.append(ok("wiring", "entry points found: live sinks, exporter `livetail`, its hook"))
    asked = () if broken else (name for name in destinations.exporters if name not in _WITHOUT_ENTRY_POINT)
    found += [
        wrong("wiring", f"OTEL_TRACES_EXPORTER names {name!r}: {why}.", "Install its package, or mend the name.")
        for name in asked
        if (why := _trouble(_EXPORTERS, name))
    ]
    if "livetail" in destinations.exporters and _version("opentelemetry-distro") == "(not installed)":
        found.append(
            wrong(
                "wiring",
                "OTEL_TRACES_EXPORTER is read by opentelemetry-instrument and opentelemetry-distro, which is not "
                "installed here.",
                "pip install opentelemetry-distro, and start with opentelemetry-instrument; or call "
                "spantail.configure() in the application.",
            )
        )
    if destinations.otlp_url:
        kind = "grpc" if destinations.is_grpc else "http"
        if why := _trouble(_EXPORTERS, f"otlp_proto_{kind}"):
            extra = "otlp-grpc" if destinations.is_grpc else "otlp"
            found.append(wrong("wiring", f"OTLP over {kind}: {why}.", f"pip install 'spantail[{extra}]'."))
    elsewhere = environ.get("VIRTUAL_ENV")
    if elsewhere and not sys.prefix.startswith(elsewhere):
        found.append(
            note(
                "packages",
                f"This command runs in {sys.prefix}, not in the active environment {elsewhere}.",
                "If your application runs there, install Spantail there and use that one's spantail doctor.",
            )
        )
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "(not installed)"


def _trouble(group: str, name: str) -> str:
    """Why the entry point cannot be used; empty when it can."""
    for entry_point in entry_points(group=group, name=name):
        try:
            entry_point.load()
        except Exception as error:  # noqa: BLE001 - a stranger's module may fail in any way, which is the finding
            return f"cannot be loaded: {type(error).__name__}"
        return ""
    return "is not installed"
