"""The programs that are sent the reference run: how each is started, and what its own API says of the run."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import httpx
from google.protobuf import json_format  # type: ignore[import-untyped]

from bench.support.ports import free_port
from tests.interop.table.comparison import ReadRun, ReadSpan
from tests.support.programs.jaegers import running_jaeger
from tests.support.tools import TOOLS
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from tests.support.programs.jaegers import Jaeger

_REQUIREMENTS: Final = Path(__file__).parent / "requirements"
_START_S: Final = 300.0
_ERROR: Final = 2  # OTLP: STATUS_CODE_ERROR


class Place(NamedTuple):
    """Where a running program takes OTLP/HTTP, and how it is asked."""

    endpoint: str
    headers: str
    """As OTEL_EXPORTER_OTLP_HEADERS takes them."""
    read: Callable[[str], ReadRun | None]
    """What is known of a run; None where it is not there yet."""


class Program(NamedTuple):
    """One that can be run here."""

    name: str
    run: Callable[[Path], contextlib.AbstractContextManager[Place]]


def version_of(package: str) -> str:
    """The version that the requirements of a program name."""
    (found,) = [
        line.partition("==")[2]
        for file in _REQUIREMENTS.glob("*.txt")
        for line in file.read_text(encoding="utf-8").splitlines()
        if line.partition("==")[0] == package
    ]
    return found


# ------------------------------------------------------------------------------------------------------------ Jaeger


@contextlib.contextmanager
def _jaeger(folder: Path) -> Iterator[Place]:
    with running_jaeger(folder) as jaeger:
        yield of_jaeger(jaeger)


def of_jaeger(jaeger: Jaeger) -> Place:
    """The place that a running Jaeger is."""

    def read(run_id: str) -> ReadRun | None:
        found = [
            ReadSpan(
                span.span_id.hex(), span.parent_span_id.hex() or None, span.name,
                span.start_time_unix_nano // 1_000, span.end_time_unix_nano // 1_000, span.status.code == _ERROR,
                _plain(span), [event.name for event in span.events],
            )
            for span in jaeger.spans(run_id)
        ]  # fmt: skip
        return ReadRun(found, None, None) if found else None

    return Place(jaeger.otlp_http, "", read)


def _plain(span: Span) -> dict[str, Any]:
    pairs = json_format.MessageToDict(span).get("attributes", ())
    return {pair["key"]: _value(pair["value"]) for pair in pairs}


# ----------------------------------------------------------------------------------------------------------- Phoenix

_PHOENIX_SUMS: Final = """query($name: String!) {
  projects(filter: {col: name, value: $name}) { edges { node { costSummary { total { cost } }
    spans(first: 1000) { edges { node { tokenCountPrompt tokenCountCompletion } } } } } } }"""


@contextlib.contextmanager
def _phoenix(folder: Path) -> Iterator[Place]:
    port = free_port()
    settings = {
        "PHOENIX_HOST": "127.0.0.1", "PHOENIX_PORT": str(port), "PHOENIX_GRPC_PORT": str(free_port()),
        "PHOENIX_WORKING_DIR": str(folder), "PHOENIX_TELEMETRY_ENABLED": "false",
    }  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with _python_program("phoenix", ["phoenix", "serve"], settings, folder, f"{url}/healthz"):

        def read(run_id: str) -> ReadRun | None:
            answer = httpx.get(f"{url}/v1/projects/default/spans", params={"limit": 1000, "trace_id": run_id})
            spans = answer.raise_for_status().json()["data"]
            if not spans:
                return None
            asked = {"query": _PHOENIX_SUMS, "variables": {"name": "default"}}
            (project,) = httpx.post(f"{url}/graphql", json=asked).raise_for_status().json()["data"]["projects"]["edges"]
            counts = [edge["node"] for edge in project["node"]["spans"]["edges"]]
            return ReadRun(
                [_of_phoenix(span) for span in spans],
                project["node"]["costSummary"]["total"]["cost"],
                (
                    sum(one["tokenCountPrompt"] or 0 for one in counts),
                    sum(one["tokenCountCompletion"] or 0 for one in counts),
                ),
            )

        yield Place(url, "", read)


def _of_phoenix(span: Mapping[str, Any]) -> ReadSpan:
    return ReadSpan(
        span["context"]["span_id"],
        span["parent_id"],
        span["name"],
        _us(span["start_time"]),
        _us(span["end_time"]),
        span["status_code"] == "ERROR",
        span["attributes"],
        [event["name"] for event in span["events"]],
    )


def _us(moment: str) -> int:
    when = datetime.fromisoformat(moment)
    return int(when.timestamp()) * 1_000_000 + when.microsecond


# ------------------------------------------------------------------------------------------------------------ MLflow


@contextlib.contextmanager
def _mlflow(folder: Path) -> Iterator[Place]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder),
    ]  # fmt: skip
    settings = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with _python_program("mlflow", command, settings, folder, f"{url}/health"):

        def read(run_id: str) -> ReadRun | None:
            answer = httpx.get(f"{url}/api/3.0/mlflow/traces/get", params={"trace_id": f"tr-{run_id}"})
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            trace = answer.raise_for_status().json()["trace"]
            about = trace["trace_info"]["trace_metadata"]
            cost = json.loads(about.get("mlflow.trace.cost", "{}")).get("total_cost")
            tokens = json.loads(about.get("mlflow.trace.tokenUsage", "{}"))
            return ReadRun(
                [_of_mlflow(span) for span in trace.get("spans", ())],
                cost,
                (tokens["input_tokens"], tokens["output_tokens"]) if tokens else None,
            )

        yield Place(url, "x-mlflow-experiment-id=0", read)


def _of_mlflow(span: Mapping[str, Any]) -> ReadSpan:
    """OTLP's JSON in the spelling of protobuf's fields; ids in base64."""
    parent = span.get("parent_span_id")
    return ReadSpan(
        base64.b64decode(span["span_id"]).hex(),
        base64.b64decode(parent).hex() if parent else None,
        span["name"],
        int(span["start_time_unix_nano"]) // 1_000,
        int(span["end_time_unix_nano"]) // 1_000,
        span["status"].get("code") == "STATUS_CODE_ERROR",
        {one["key"]: _value(one["value"]) for one in span["attributes"]},
        [event["name"] for event in span.get("events", ())],
    )


def _value(value: Mapping[str, Any]) -> Any:
    ((kind, held),) = value.items()
    match kind:
        case "array_value" | "arrayValue":
            return [_value(one) for one in held.get("values", ())]
        case "kvlist_value" | "kvlistValue":
            return {one["key"]: _value(one["value"]) for one in held.get("values", ())}
        case "int_value" | "intValue":
            return int(held)
    return held


# ---------------------------------------------------------------------------------------------------- Python programs


@contextlib.contextmanager
def _python_program(
    name: str, command: list[str], settings: dict[str, str], folder: Path, alive: str
) -> Iterator[None]:
    """Run a program of a virtual environment until the block ends."""
    program = _installed(name) / "bin" / command[0]
    # Nothing of this process' own path and settings is theirs.
    base = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "OTEL_"))}
    log = folder / "output.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [str(program), *command[1:]], env=base | settings, cwd=folder, stdin=subprocess.DEVNULL, stdout=output,
            stderr=output, start_new_session=True,
        ) as process,
    ):  # fmt: skip
        try:
            eventually(lambda: _is_alive(alive, process, log), _START_S, what=f"{name} is ready")
            yield
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(15)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)  # it has children


def _is_alive(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text(errors="replace")[-2_000:]
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url, timeout=5).is_success
    return False


def _installed(name: str) -> Path:
    """The virtual environment of a program, with exactly what its requirements list; made when it is first wanted."""
    folder, requirements = TOOLS / "interop" / name, _REQUIREMENTS / f"{name}.txt"
    mark = folder / ".complete"
    if not mark.exists() or mark.read_bytes() != requirements.read_bytes():
        sys.stderr.write(f"installing {name}\n")
        folder.parent.mkdir(parents=True, exist_ok=True)
        uv = [sys.executable, "-m", "uv", "--quiet"]
        subprocess.run([*uv, "venv", "--clear", "--python", sys.executable, str(folder)], check=True)
        python = str(folder / "bin" / "python")
        subprocess.run([*uv, "pip", "install", "--python", python, "--no-deps", "-r", str(requirements)], check=True)
        mark.write_bytes(requirements.read_bytes())
    return folder


JAEGER: Final = Program("Jaeger 1.76.0", _jaeger)
PROGRAMS: Final = (
    JAEGER,
    Program(f"Phoenix {version_of('arize-phoenix')}", _phoenix),
    Program(f"MLflow {version_of('mlflow')}", _mlflow),
)
