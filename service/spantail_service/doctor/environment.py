"""What an application's environment says of its spans: where they go, and which of them (pure).

OpenTelemetry specification, "Environment Variable Specification" and "OTLP Exporter Configuration".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from spantail.setup.live_sink import STARTS_VARIABLE, URL_VARIABLES
from spantail.setup.trace_exporters import shown_url
from spantail_exporters.redis import client as redis_client
from spantail_service.doctor.finding import Finding, note, ok, wrong

if TYPE_CHECKING:
    from collections.abc import Mapping

ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
TRACES_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HEADERS: Final = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
_SAMPLER: Final = "OTEL_TRACES_SAMPLER"
_SAMPLER_ARG: Final = "OTEL_TRACES_SAMPLER_ARG"
_KNOWN_SAMPLERS: Final = frozenset(
    f"{parent}{name}" for parent in ("", "parentbased_") for name in ("always_on", "always_off", "traceidratio")
)
_DELAY: Final = "OTEL_BSP_SCHEDULE_DELAY"
_LONG_DELAY_MS: Final = 10_000
_GRPC_PORT, _HTTP_PORT = 4317, 4318
_TRACES_PATH: Final = "/v1/traces"


class Destinations(NamedTuple):
    """Where this environment sends its spans."""

    redis_url: str | None
    otlp_url: str | None
    """The whole URL to which finished spans are posted, or the gRPC endpoint."""
    is_grpc: bool
    exporters: tuple[str, ...]
    """What OTEL_TRACES_EXPORTER names."""


def destinations_of(environ: Mapping[str, str]) -> Destinations:
    """Where spans go, as `spantail.configure()` and the OpenTelemetry SDK read it."""
    redis_url = next((environ[name] for name in URL_VARIABLES if environ.get(name)), None)
    exporters = tuple(
        part.strip().lower() for part in environ.get("OTEL_TRACES_EXPORTER", "").split(",") if part.strip()
    )
    protocol = _protocol(environ)
    whole, base = environ.get(TRACES_ENDPOINT), environ.get(ENDPOINT)
    otlp_url: str | None = None
    if whole or base:
        otlp_url = whole or (base if protocol == "grpc" else f"{(base or '').rstrip('/')}{_TRACES_PATH}")
    elif "otlp" in exporters or (environ.get(STARTS_VARIABLE, "").strip().lower() == "otlp" and not redis_url):
        otlp_url = "http://localhost:4317" if protocol == "grpc" else f"http://localhost:4318{_TRACES_PATH}"
    if exporters and not {"otlp", "otlp_proto_http", "otlp_proto_grpc"} & set(exporters):
        otlp_url = None
    return Destinations(redis_url, otlp_url, protocol == "grpc", exporters)


def _protocol(environ: Mapping[str, str]) -> str:
    return next((environ[name].strip().lower() for name in _PROTOCOLS if environ.get(name)), "http/protobuf")


def environment_findings(environ: Mapping[str, str]) -> list[Finding]:
    """Every finding about the environment: a switched-off SDK, destinations, sampling."""
    destinations = destinations_of(environ)
    found: list[Finding] = []
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        found.append(wrong("SDK", "OTEL_SDK_DISABLED=true: no span is made at all.", "Unset OTEL_SDK_DISABLED."))
    if environ.get("OTEL_CONFIG_FILE") or environ.get("OTEL_EXPERIMENTAL_CONFIG_FILE"):
        found.append(
            note(
                "SDK",
                "A configuration file is named (OTEL_CONFIG_FILE): it decides, and most OTEL_* variables are not read.",
                "See that the file has `exporter: {livetail: {url: …}}` or an OTLP exporter.",
            )
        )
    found += _live_findings(environ, destinations)
    found += _otlp_findings(environ, destinations)
    if not destinations.redis_url and not destinations.otlp_url:
        found.append(_no_destination(destinations))
    found += _sampling_findings(environ)
    delay = environ.get(_DELAY, "")
    if destinations.otlp_url and delay.isdecimal() and int(delay) > _LONG_DELAY_MS:
        found.append(
            note(
                "OTLP",
                f"{_DELAY}={delay}: finished spans wait for up to {int(delay) / 1_000:g} s in the application.",
                "Take it away; the default is 5000.",
            )
        )
    return found


def _no_destination(destinations: Destinations) -> Finding:
    advice = (
        "Set SPANTAIL_REDIS_URL (spans show from their start) or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (finished spans), "
        "or run spantail doctor where these are set: in the environment of your application."
    )
    if "none" in destinations.exporters:
        return wrong("way out", "OTEL_TRACES_EXPORTER=none and no Redis URL: spans go nowhere.", advice)
    return note("way out", "Nothing in this environment says where spans go.", advice)


def _live_findings(environ: Mapping[str, str], destinations: Destinations) -> list[Finding]:
    found: list[Finding] = []
    given = {name: environ[name] for name in URL_VARIABLES if environ.get(name)}
    starts = environ.get(STARTS_VARIABLE, "").strip().lower()
    if len(set(given.values())) > 1:
        found.append(
            note(
                "live",
                f"{URL_VARIABLES[0]} and {URL_VARIABLES[1]} name different servers; the first one is used.",
                f"Take {URL_VARIABLES[1]} away.",
            )
        )
    if destinations.redis_url:
        name = next(iter(given))
        try:
            redis_client.connect(destinations.redis_url, 1.0).close()
        except ValueError as error:
            # what redis-py says may hold the URL, and with it a password
            reason = "it cannot be read as one" if destinations.redis_url in str(error) else str(error)
            found.append(wrong("live", f"{name}: {reason}", "Write it as redis://host:6379/0."))
        else:
            found.append(ok("live", f"{name}: {shown_url(destinations.redis_url)}"))
    elif "livetail" in destinations.exporters:
        found.append(
            wrong(
                "live",
                "OTEL_TRACES_EXPORTER names livetail, but no Redis URL is set: spans do not go to the live tier.",
                f"Set {URL_VARIABLES[0]}.",
            )
        )
    if starts not in ("", "none", "otlp"):
        found.append(wrong("live", f"{STARTS_VARIABLE}={starts} is not known.", f"Write {STARTS_VARIABLE}=otlp."))
    elif starts == "otlp" and destinations.redis_url:
        found.append(note("live", f"{STARTS_VARIABLE}=otlp has no effect beside a Redis URL, which is the better way."))
    return found


def _otlp_findings(environ: Mapping[str, str], destinations: Destinations) -> list[Finding]:
    if not destinations.otlp_url:
        return []
    found: list[Finding] = []
    protocol = _protocol(environ)
    parts = urlsplit(destinations.otlp_url)
    try:
        port = parts.port
    except ValueError:
        return [wrong("OTLP", "The OTLP endpoint's port is no number.", f"Mend {TRACES_ENDPOINT} or {ENDPOINT}.")]
    shown = shown_url(destinations.otlp_url)
    if protocol not in ("grpc", "http/protobuf"):
        found.append(
            note(
                "OTLP",
                f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol}: Python's exporter speaks http/protobuf and grpc only.",
                "Take it away, or set http/protobuf.",
            )
        )
    if parts.scheme not in ("http", "https") and not destinations.is_grpc:
        found.append(wrong("OTLP", f"The endpoint {shown} has no http:// or https://.", "Write the whole URL."))
    elif not destinations.is_grpc and parts.path.endswith(_TRACES_PATH * 2):
        found.append(
            wrong(
                "OTLP",
                f"Spans are posted to {shown}: exporters add {_TRACES_PATH} to {ENDPOINT} themselves.",
                f"Take {_TRACES_PATH} off {ENDPOINT}, or name it {TRACES_ENDPOINT}.",
            )
        )
    elif not destinations.is_grpc and environ.get(TRACES_ENDPOINT) and parts.path in ("", "/"):
        found.append(
            wrong(
                "OTLP",
                f"{TRACES_ENDPOINT} is used as it is, and has no path.",
                f"Write it with {_TRACES_PATH} at its end, or name it {ENDPOINT}.",
            )
        )
    elif (port == _HTTP_PORT and destinations.is_grpc) or (port == _GRPC_PORT and not destinations.is_grpc):
        usual = "http/protobuf" if destinations.is_grpc else "grpc"
        found.append(
            wrong(
                "OTLP",
                f"Port {port} usually speaks {usual}, but the protocol is {protocol}.",
                f"Set OTEL_EXPORTER_OTLP_PROTOCOL={usual}, or take the other port.",
            )
        )
    else:
        found.append(
            ok("OTLP", f"finished spans go to {shown} ({'grpc' if destinations.is_grpc else 'http/protobuf'})")
        )
    return found


def _sampling_findings(environ: Mapping[str, str]) -> list[Finding]:
    name = environ.get(_SAMPLER, "").strip().lower()
    if not name:
        return [ok("sampling", "every trace, unless a caller's traceparent says not (the default)")]
    if name not in _KNOWN_SAMPLERS:
        return [note("sampling", f"{_SAMPLER}={name} is a sampler of its own: what it keeps is not known here.")]
    kind = name.removeprefix("parentbased_")
    if kind == "always_off":
        return [wrong("sampling", f"{_SAMPLER}={name}: no trace is kept.", f"Unset {_SAMPLER}.")]
    if kind == "always_on":
        return [ok("sampling", f"every trace ({_SAMPLER}={name})")]
    given = environ.get(_SAMPLER_ARG, "")
    try:
        ratio = float(given or 1.0)
    except ValueError:
        ratio = math.nan
    if not 0 <= ratio <= 1:
        return [note("sampling", f"{_SAMPLER_ARG}={given} is no share from 0 to 1; the SDK uses 1.", "Mend it.")]
    if ratio == 0:
        return [wrong("sampling", f"{_SAMPLER}={name} with 0: no trace is kept.", f"Unset {_SAMPLER}.")]
    if ratio < 1:
        share = f"{ratio:.3%}".rstrip("0%").rstrip(".") + " %"
        return [note("sampling", f"{share} of the traces are kept; the others are never seen.", f"Unset {_SAMPLER}.")]
    return [ok("sampling", f"every trace ({_SAMPLER}={name})")]


def sends_authorization(environ: Mapping[str, str]) -> bool:
    """Whether the OTLP exporter's headers carry an `authorization`."""
    given = next((environ[name] for name in _HEADERS if environ.get(name)), "")
    return any(part.partition("=")[0].strip().lower() == "authorization" for part in given.split(","))
