"""The environment in which a program's spans come here (pure, but for a look at the program's own Python)."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from spantail.setup.live_sink import STARTS_VARIABLE, URL_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LAUNCH_ID: Final = "spantail.launch.id"
"""Resource attribute: which `spantail run` started the process."""

_ENDPOINT: Final = "OTEL_EXPORTER_OTLP_ENDPOINT"
_TRACES_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", _ENDPOINT)
_METRICS_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", _ENDPOINT)
_PYTHON: Final = re.compile(r"python(\d(\.\d+)?t?)?")
_LIVETAIL: Final = (
    "import importlib.metadata as m, sys; "
    "sys.exit(not m.entry_points(group='opentelemetry_traces_exporter', name='livetail'))"
)


def environment_for(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    url: str,
    token: str | None,
    redis_url: str | None,
    launch_id: str,
    has_livetail: bool,
) -> dict[str, str]:
    """`environ` with what makes the program's spans come to the service at `url`; what it says itself is kept.

    An OTLP endpoint of its own, a Collector's for example, gets finished spans and metrics as it would without us.
    `redis_url`: the service's Redis, where it can be reached from here. `has_livetail`: the program's Python has
    the exporter `livetail`; another program would fail on that name.
    """
    added = {"SPANTAIL_URL": url}
    has_endpoint = any(environ.get(name) for name in _TRACES_ENDPOINTS)
    if not any(environ.get(name) for name in _METRICS_ENDPOINTS):
        added["OTEL_METRICS_EXPORTER"] = "none"  # the service takes traces and logs
    live = next((environ[name] for name in URL_VARIABLES if environ.get(name)), redis_url)
    if live:
        added["SPANTAIL_REDIS_URL"] = live
        if has_livetail:
            added["OTEL_TRACES_EXPORTER"] = "livetail,otlp" if has_endpoint else "livetail"
    else:
        added[STARTS_VARIABLE] = "otlp"
    if not has_endpoint:
        added[_ENDPOINT] = url
        added["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf"
        added["OTEL_BSP_SCHEDULE_DELAY"] = "500"  # milliseconds: somebody is looking
        if token:
            added["OTEL_EXPORTER_OTLP_HEADERS"] = f"authorization=Bearer%20{quote(token, safe='')}"
    resource = environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if not re.search(r"(^|,)\s*service\.name\s*=", resource):
        added["OTEL_SERVICE_NAME"] = program_name(command)
    kept = {name: value for name, value in environ.items() if value}
    result = {**environ, **added, **{name: kept[name] for name in added if name in kept}}
    result["OTEL_RESOURCE_ATTRIBUTES"] = ",".join(filter(None, [resource.strip(" ,"), f"{LAUNCH_ID}={launch_id}"]))
    return result


def program_name(command: Sequence[str]) -> str:
    """What a program is called that says nothing of its service: its script or module, else its first word."""
    words = list(command)
    for index, word in enumerate(words):
        if word == "-m" and index and index + 1 < len(words):
            return words[index + 1]
        if Path(word).suffix in {".py", ".js", ".mjs", ".cjs", ".ts", ".rb", ".jar"}:
            return Path(word).stem
    return Path(words[0]).name


def python_of(program: str) -> str | None:
    """The Python that runs `program`, which is one itself or a script with one in its first line; else None."""
    found = shutil.which(program)
    if found is None:
        return None
    if _PYTHON.fullmatch(Path(found).name):
        return found
    try:
        with Path(found).open("rb") as file:
            first = file.readline(512).decode("utf-8", "replace")
    except OSError:
        return None
    words = first.removeprefix("#!").split() if first.startswith("#!") else []
    python = words[-1] if words and _PYTHON.fullmatch(Path(words[-1]).name) else None
    return shutil.which(python) if python else None


def has_livetail(python: str | None) -> bool:
    """Whether Spantail's exporter is installed in that Python."""
    if python is None:
        return False
    try:
        return subprocess.run([python, "-c", _LIVETAIL], capture_output=True, timeout=10, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
